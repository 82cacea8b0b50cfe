import { createHash } from 'node:crypto';
import { LABEL } from '@sandbox/core';
import { openSession } from '@sandbox/guest';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { dockerForTests, dockerIsHere, IMAGE, outputOf, sandboxSpec, scope } from './docker-here.ts';
import { engine } from './engine.ts';

const here = await dockerIsHere();
const { adapter, cleanUp } = dockerForTests();
if (here) afterAll(cleanUp);

const MiB = 1024 * 1024;

describe.runIf(here)('a sandbox on Docker', () => {
  it('carries the agent’s session on its main process, and is removed by the engine at its end', async () => {
    const spec = sandboxSpec();
    await adapter.create(spec);
    const process = await adapter.start(spec.name, { attach: true });
    const session = await openSession(process);
    expect(session.hello).toMatchObject({ uid: 1000, gid: 1000, facts: { noNewPrivs: true, seccomp: 2 } });
    expect(session.hello.facts.capBnd).toMatch(/^0+$/);
    await session.close();
    expect((await process.wait()).exitCode).not.toBeNull();
    await expect(adapter.inspect(spec.name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await adapter.remove(spec.name);
  });

  it('carries a session of another user beside the main process of a long-lived one', async () => {
    const spec = sandboxSpec({ lifecycle: 'long-lived' });
    await adapter.create(spec);
    await adapter.start(spec.name);
    const argv = [spec.argv[0] ?? '', 'session'];
    const sessions = await Promise.all(
      [undefined, { uid: 0, gid: 0 }].map(async (user) =>
        openSession(await adapter.exec(spec.name, { argv, ...(user && { user }) })),
      ),
    );
    expect(sessions.map((session) => session.hello.uid)).toEqual([1000, 0]);
    expect((await adapter.inspect(spec.name)).sessions).toBe(2);
    await Promise.all(sessions.map((session) => session.close()));
    expect((await adapter.inspect(spec.name)).state).toBe('running');
    await adapter.remove(spec.name);
  });

  it('sends 100 MB each way without a changed byte', async () => {
    const spec = sandboxSpec({ argv: ['/bin/cat'] });
    await adapter.create(spec);
    const process = await adapter.start(spec.name, { attach: true });
    const block = Buffer.alloc(MiB);
    for (let index = 0; index < block.length; index += 1) block[index] = (index * 7919) >>> 3;
    const sent = createHash('sha256');
    const received = createHash('sha256');
    const sending = (async () => {
      for (let count = 0; count < 100; count += 1) {
        block.writeUInt32BE(count, 0);
        const copy = Buffer.from(block);
        sent.update(copy);
        await new Promise<void>((resolve) => process.stdin.write(copy, () => resolve()));
      }
      process.stdin.end();
    })();
    let bytes = 0;
    for await (const chunk of process.stdout as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      received.update(chunk);
    }
    await sending;
    expect(bytes).toBe(100 * MiB);
    expect(received.digest('hex')).toBe(sent.digest('hex'));
    expect(await process.wait()).toEqual({ exitCode: 0 });
    await adapter.remove(spec.name);
  });

  it('gives a long-lived guest a home of its own, a name and a group', async () => {
    const name = sandboxSpec().name;
    const volume = `${name}-home`;
    const spec = sandboxSpec({
      name,
      lifecycle: 'long-lived',
      user: { uid: 1234, gid: 2345, allowRoot: false },
      mounts: [
        { type: 'volume', volume, target: '/home/sandbox', readOnly: false, owner: { uid: 1234, gid: 2345 } },
      ],
    });
    await adapter.create(spec);
    await adapter.start(name);
    const script =
      'id -un; id -gn; echo ~; stat -c "%u:%g %a" /home/sandbox; touch ~/f; stat -c "%u %a" /etc/passwd; grep -c "^root:" /etc/passwd';
    const { stdout } = await outputOf(adapter, name, ['/bin/bash', '-c', script]);
    expect(stdout).toBe('sandbox\nsandbox\n/home/sandbox\n1234:2345 755\n0 644\n1\n');
    await adapter.remove(name);
    expect(await adapter.volumes?.list({ [LABEL.name]: name })).toMatchObject([{ name: volume }]);
    await adapter.remove(name, { volumes: true });
    expect(await adapter.volumes?.list({ [LABEL.name]: name })).toEqual([]);
  });

  it('gives a volume its owner also below a read-only root', async () => {
    const name = sandboxSpec().name;
    const spec = sandboxSpec({
      name,
      argv: ['/bin/sh', '-c', 'stat -c %u:%g /data; touch /data/f && echo mine'],
      mounts: [
        {
          type: 'volume',
          volume: `${name}-data`,
          target: '/data',
          readOnly: false,
          owner: { uid: 1000, gid: 7 },
        },
      ],
    });
    await adapter.create(spec);
    const process = await adapter.start(name, { attach: true });
    expect(String(Buffer.concat(await process.stdout.toArray()))).toBe('1000:7\nmine\n');
    await process.wait();
    await adapter.remove(name, { volumes: true });
    expect(await adapter.list({ [LABEL.scope]: scope })).not.toContainEqual(
      expect.objectContaining({ name }),
    );
  });

  it('keeps what the image brings out of it: entry point, command, user, labels, volumes', async () => {
    const tag = `sandbox-docker-test:${scope}`;
    const dockerfile = [
      `FROM ${IMAGE}`,
      'ENTRYPOINT ["/bin/echo", "wrapped"]',
      'CMD ["nothing"]',
      'USER 12',
      'VOLUME /cache',
      'LABEL dev.sandbox.trust=owner dev.sandbox.helper=yes',
      'ENV FROM_IMAGE=yes',
    ].join('\n');
    const progress: string[] = [];
    const context = tarOf('Dockerfile', dockerfile);
    await adapter.images?.build({ tag, context }, { onProgress: ({ message }) => progress.push(message) });
    try {
      expect(progress.some((message) => message.startsWith('Step 1/7'))).toBe(true);
      expect(await adapter.images?.inspect(tag)).toMatchObject({ volumes: ['/cache'], tags: [tag] });
      const root = { type: 'image', image: tag, readOnly: true } as const;
      const spec = sandboxSpec({ root, argv: ['/bin/sh', '-c', 'id -u; echo $FROM_IMAGE $0'] });
      const { info } = await adapter.create(spec);
      expect(info.labels).not.toHaveProperty([LABEL.trust]);
      expect((await adapter.list({ [LABEL.scope]: scope })).map(({ name }) => name)).toContain(spec.name);
      expect(await adapter.list({ [LABEL.trust]: 'owner', [LABEL.scope]: scope })).toEqual([]);
      const before = await volumeCount();
      const process = await adapter.start(spec.name, { attach: true });
      expect(String(Buffer.concat(await process.stdout.toArray()))).toBe('1000\nyes /bin/sh\n');
      await process.wait();
      expect(await volumeCount()).toBeLessThan(before);
    } finally {
      await adapter.images?.remove(tag);
    }
  });

  it('leaves alone a container that is not ours', async () => {
    const name = `foreign-${scope}`;
    const body = { Image: IMAGE, Cmd: ['/bin/true'], HostConfig: { NetworkMode: 'none' } };
    await engine('POST', `/containers/create?name=${name}`, body);
    try {
      await expect(adapter.inspect(name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(adapter.start(name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(adapter.remove(name)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
      await expect(adapter.create(sandboxSpec({ name }))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
      await engine('GET', `/containers/${name}/json`);
    } finally {
      await engine('DELETE', `/containers/${name}?force=1`);
    }
  });

  it('leaves alone a volume that is not ours, as the home of a sandbox and of the agent', async () => {
    const volume = `foreign-${scope}`;
    await engine('POST', '/volumes/create', { Name: volume });
    const other = dockerForTests({ agentVolume: volume });
    try {
      const home = {
        type: 'volume',
        volume,
        target: '/data',
        readOnly: false,
        owner: { uid: 1, gid: 1 },
      } as const;
      const refused = { code: 'ALREADY_EXISTS', message: expect.stringContaining(volume) };
      await expect(adapter.create(sandboxSpec({ mounts: [home] }))).rejects.toMatchObject(refused);
      await expect(other.adapter.create(sandboxSpec())).rejects.toMatchObject(refused);
      await expect(adapter.volumes?.remove(volume)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    } finally {
      await other.adapter.close();
      await engine('DELETE', `/volumes/${volume}`);
    }
  });

  it('takes no beginning of an id for a name', async () => {
    const spec = sandboxSpec();
    const { info } = await adapter.create(spec);
    await expect(adapter.inspect(info.id?.slice(0, 12) ?? '')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await adapter.remove(spec.name);
  });

  it('keeps two sandboxes with network full apart, and removes its bridge with the last of them', async () => {
    const [server, client] = [
      sandboxSpec({ lifecycle: 'long-lived', network: 'full' }),
      sandboxSpec({ lifecycle: 'long-lived', network: 'full' }),
    ];
    for (const spec of [server, client]) {
      await adapter.create(spec);
      await adapter.start(spec.name);
    }
    const network = `sandbox-network-${scope}`;
    const { Options } = await engine<{ Options: object }>('GET', `/networks/${network}`);
    expect(Options).toMatchObject({ 'com.docker.network.bridge.enable_icc': 'false' });
    const listen = await adapter.exec(server.name, {
      argv: [
        '/usr/bin/perl',
        '-MIO::Socket::INET',
        '-e',
        '$s=IO::Socket::INET->new(LocalPort=>7777,Listen=>5)||die;$|=1;print "up\\n";$s->accept',
      ],
    });
    await new Promise((resolve) => listen.stdout.once('data', resolve));
    const { stdout: address } = await outputOf(adapter, server.name, [
      '/bin/sh',
      '-c',
      "hostname -I | tr -d ' \\n'",
    ]);
    const connect = `IO::Socket::INET->new(PeerAddr=>"${address}:7777",Timeout=>2)?print "reached":print "apart"`;
    const from = (name: string) =>
      outputOf(adapter, name, ['/usr/bin/perl', '-MIO::Socket::INET', '-e', connect]);
    expect((await from(client.name)).stdout).toBe('apart');
    expect((await from(server.name)).stdout).toBe('reached');
    listen.destroy();
    await adapter.remove(server.name);
    await engine('GET', `/networks/${network}`);
    await adapter.remove(client.name);
    await expect(engine('GET', `/networks/${network}`)).rejects.toThrow('404');
  });

  it('starts also where its bridge was removed in between, and sweeps one that was left behind', async () => {
    const spec = sandboxSpec({ network: 'full' });
    const network = `sandbox-network-${scope}`;
    await adapter.create(spec);
    await engine('DELETE', `/networks/${network}`);
    const process = await adapter.start(spec.name, { attach: true });
    process.stdin.end();
    process.stdout.resume();
    process.stderr.resume();
    await process.wait();
    // As if nobody had removed it: the engine has the sandbox gone, and the program is no more.
    const labels = { [LABEL.scope]: scope };
    await adapter.sweep?.(labels);
    await engine('GET', `/networks/${network}`);
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 120_000);
    await adapter.sweep?.({});
    await engine('GET', `/networks/${network}`);
    await adapter.sweep?.(labels);
    clock.mockRestore();
    await expect(engine('GET', `/networks/${network}`)).rejects.toThrow('404');
    await adapter.remove(spec.name);
  });

  it('leaves nothing of a create that was aborted', async () => {
    const before = (await adapter.list({ [LABEL.scope]: scope })).length;
    const specs = Array.from({ length: 8 }, () => sandboxSpec({ network: 'full' }));
    const results = await Promise.allSettled(
      specs.map((spec, index) => adapter.create(spec, { signal: AbortSignal.timeout(index * 2) })),
    );
    for (const [index, result] of results.entries()) {
      if (result.status === 'fulfilled') await adapter.remove(specs[index]?.name ?? '');
      else expect(result.reason).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    }
    expect(await adapter.list({ [LABEL.scope]: scope })).toHaveLength(before);
    await expect(engine('GET', `/networks/sandbox-network-${scope}`)).rejects.toThrow('404');
  });
});

async function volumeCount(): Promise<number> {
  return (await engine<{ Volumes: unknown[] }>('GET', '/volumes')).Volumes.length;
}

function tarOf(name: string, text: string): Uint8Array {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write(`${Buffer.byteLength(text).toString(8).padStart(11, '0')}\0`, 124);
  header.fill(' ', 148, 156);
  header.write('0', 156);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  const content = Buffer.from(text);
  return Buffer.concat([header, content, Buffer.alloc((-content.length & 511) + 1024)]);
}
