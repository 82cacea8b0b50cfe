import { createHash } from 'node:crypto';
import { LABEL } from '@sandbox/core';
import { openSession } from '@sandbox/guest';
import { afterAll, describe, expect, it } from 'vitest';
import { eventually, podman } from './podman-engine.ts';
import { IMAGE, outputOf, podmanForTests, podmanIsHere, sandboxSpec, scope } from './podman-here.ts';

const here = await podmanIsHere();
const { adapter, cleanUp } = podmanForTests();
if (here) afterAll(cleanUp);

const MiB = 1024 * 1024;

describe.runIf(here)('a sandbox on Podman', () => {
  it('carries the agent’s session on its main process, and is removed by Podman at its end', async () => {
    const spec = sandboxSpec();
    await adapter.create(spec);
    const process = await adapter.start(spec.name, { attach: true });
    const session = await openSession(process);
    expect(session.hello).toMatchObject({ uid: 1000, gid: 1000, facts: { noNewPrivs: true, seccomp: 2 } });
    expect(session.hello.facts.capBnd).toMatch(/^0+$/);
    await session.close();
    // Podman 4.3 forgets the exit code together with the container, which may be gone by now.
    expect([0, null]).toContain((await process.wait()).exitCode);
    await adapter.remove(spec.name);
    await expect(adapter.inspect(spec.name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
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
    const [sent, received] = [createHash('sha256'), createHash('sha256')];
    const sending = (async () => {
      for (let count = 0; count < 100; count += 1) {
        const block = Buffer.alloc(MiB, `${count};`);
        sent.update(block);
        await new Promise<void>((resolve) => process.stdin.write(block, () => resolve()));
      }
      process.stdin.end();
    })();
    for await (const chunk of process.stdout as AsyncIterable<Buffer>) received.update(chunk);
    await sending;
    expect(received.digest('hex')).toBe(sent.digest('hex'));
    expect(await process.wait()).toEqual({ exitCode: 0 });
    await adapter.remove(spec.name);
  });

  it('gives a long-lived guest a home of its own, a name and a group', async () => {
    const name = sandboxSpec().name;
    const volume = `${name}-home`;
    const owner = { uid: 1234, gid: 2345 };
    const spec = sandboxSpec({
      name,
      lifecycle: 'long-lived',
      user: { ...owner, allowRoot: false },
      mounts: [{ type: 'volume', volume, target: '/home/sandbox', readOnly: false, owner }],
    });
    await adapter.create(spec);
    await adapter.start(name);
    const script =
      'id -un; id -gn; echo ~; stat -c "%u:%g %a" /home/sandbox; touch ~/f; stat -c "%u %a" /etc/passwd; grep -c "^root:" /etc/passwd; wc -l < /etc/hosts';
    const { stdout } = await outputOf(adapter, name, ['/bin/bash', '-c', script]);
    expect(stdout).toMatch(/^sandbox\nsandbox\n\/home\/sandbox\n1234:2345 755\n0 644\n1\n\d+\n$/);
    await adapter.remove(name);
    expect(await adapter.volumes?.list({ [LABEL.name]: name })).toMatchObject([{ name: volume }]);
    await adapter.remove(name, { volumes: true });
    expect(await adapter.volumes?.list({ [LABEL.name]: name })).toEqual([]);
  });

  it('gives a volume its owner also below a read-only root, and no other than its user', async () => {
    const name = sandboxSpec().name;
    const owner = { uid: 1000, gid: 7 };
    const spec = sandboxSpec({
      name,
      user: { ...owner, allowRoot: false },
      argv: ['/bin/sh', '-c', 'stat -c %u:%g /data; touch /data/f && echo mine'],
      mounts: [{ type: 'volume', volume: `${name}-data`, target: '/data', readOnly: false, owner }],
    });
    await adapter.create(spec);
    const process = await adapter.start(name, { attach: true });
    expect(String(Buffer.concat(await process.stdout.toArray()))).toBe('1000:7\nmine\n');
    await process.wait();
    await adapter.remove(name, { volumes: true });
    expect(podman('ps', '--all', '--format', '{{.Names}}')).not.toContain(name);
    const foreign = { ...spec, user: { uid: 1000, gid: 1000, allowRoot: false } };
    await expect(adapter.create(foreign)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('a volume of 1000:7 at /data'),
    });
  });

  it('lists images while others are removed', async () => {
    const source = podman('create', '--network=none', IMAGE, 'true');
    const tag = (number: number) => `localhost/sandbox-podman-passing-${number}:${scope}`;
    try {
      const labels = { [LABEL.scope]: scope, 'dev.sandbox.passing': 'yes' };
      const changes = Object.entries(labels).flatMap(([key, value]) => ['--change', `LABEL ${key}=${value}`]);
      for (let number = 0; number < 12; number += 1)
        podman('commit', ...changes, '--change', `ENV NUMBER=${number}`, source, tag(number));
      let going = true;
      const removing = (async () => {
        for (let number = 0; number < 12; number += 1) await adapter.images?.remove(tag(number));
        going = false;
      })();
      while (going) await adapter.images?.list({ [LABEL.scope]: scope });
      await removing;
      expect(await adapter.images?.list(labels)).toEqual([]);
    } finally {
      podman('rm', source);
    }
  });

  it('keeps what the image brings out of it: entry point, command, user, labels, volumes', async () => {
    const tag = `localhost/sandbox-podman-test:${scope}`;
    const changes = [
      'ENTRYPOINT ["/bin/echo", "wrapped"]',
      'CMD ["nothing"]',
      'USER 12',
      'VOLUME /cache',
      'LABEL dev.sandbox.trust=owner dev.sandbox.helper=yes',
      'ENV FROM_IMAGE=yes',
    ].flatMap((change) => ['--change', change]);
    const source = podman('create', '--network=none', IMAGE, 'true');
    podman('commit', ...changes, source, tag);
    podman('rm', source);
    try {
      const root = { type: 'image', image: tag, readOnly: true } as const;
      const spec = sandboxSpec({ root, argv: ['/bin/sh', '-c', 'id -u; echo $FROM_IMAGE $0'] });
      const { info } = await adapter.create(spec);
      expect(info.labels).not.toHaveProperty([LABEL.trust]);
      expect((await adapter.list({ [LABEL.scope]: scope })).map(({ name }) => name)).toContain(spec.name);
      expect(await adapter.list({ [LABEL.trust]: 'owner', [LABEL.scope]: scope })).toEqual([]);
      const volumes = podman('inspect', spec.name, '--format', '{{range .Mounts}}{{.Name}} {{end}}').split(
        ' ',
      );
      expect(volumes).toHaveLength(2);
      const process = await adapter.start(spec.name, { attach: true });
      expect(String(Buffer.concat(await process.stdout.toArray()))).toBe('1000\nyes /bin/sh\n');
      await process.wait();
      await adapter.remove(spec.name);
      const left = podman('volume', 'ls', '--format', '{{.Name}}').split('\n');
      expect(volumes.filter((name) => left.includes(name))).toEqual(['sandbox-agent']);
    } finally {
      await adapter.images?.remove(tag);
    }
  });

  it('leaves alone a container that is not ours', async () => {
    const name = `foreign-${scope}`;
    podman('create', '--network=none', `--name=${name}`, IMAGE, 'true');
    try {
      await expect(adapter.inspect(name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(adapter.start(name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(adapter.remove(name)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
      await expect(adapter.create(sandboxSpec({ name }))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
      podman('container', 'exists', name);
    } finally {
      podman('rm', '--force', name);
    }
  });

  it('leaves alone a volume that is not ours, as the home of a sandbox and of the agent', async () => {
    const volume = `foreign-${scope}`;
    podman('volume', 'create', volume);
    const other = podmanForTests({ agentVolume: volume });
    try {
      const owner = { uid: 1, gid: 1 };
      const user = { ...owner, allowRoot: false };
      const home = { type: 'volume', volume, target: '/data', readOnly: false, owner } as const;
      const refused = { code: 'ALREADY_EXISTS', message: expect.stringContaining(volume) };
      await expect(adapter.create(sandboxSpec({ user, mounts: [home] }))).rejects.toMatchObject(refused);
      await expect(other.adapter.create(sandboxSpec())).rejects.toMatchObject(refused);
      await expect(adapter.volumes?.remove(volume)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    } finally {
      await other.adapter.close();
      podman('volume', 'rm', volume);
    }
  });

  it('takes no beginning of an id for a name', async () => {
    const spec = sandboxSpec();
    const { info } = await adapter.create(spec);
    await expect(adapter.inspect(info.id?.slice(0, 12) ?? '')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await adapter.remove(spec.name);
  });

  it('mends an agent that was not written to its end, and one whose volume went away', async () => {
    const agentVolume = `sandbox-agent-mend-${scope}`;
    const [agent] = sandboxSpec().argv;
    const argv = ['/bin/sh', '-c', `stat -c "%a %u %s" ${agent}`];
    const run = async (maker: typeof adapter, change: Parameters<typeof sandboxSpec>[0] = {}) => {
      const spec = sandboxSpec({ argv, ...change });
      await maker.create(spec);
      const process = await maker.start(spec.name, { attach: true });
      const text = String(Buffer.concat(await process.stdout.toArray()));
      await process.wait();
      await maker.remove(spec.name);
      return text;
    };
    const [one, other] = [podmanForTests({ agentVolume }), podmanForTests({ agentVolume })];
    const half = { digest: sandboxSpec().agent.digest, path: () => import.meta.filename };
    try {
      expect(await run(one.adapter, { agent: half })).toMatch(/^111 0 \d{4,5}\n$/);
      const whole = await run(other.adapter);
      expect(whole).toMatch(/^111 0 \d{7}\n$/);
      podman('volume', 'rm', agentVolume);
      const gone = sandboxSpec();
      await other.adapter.create(gone);
      const start = other.adapter.start(gone.name, { attach: true });
      await expect(start).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await other.adapter.remove(gone.name);
      expect(await run(other.adapter)).toBe(whole);
    } finally {
      await Promise.all([one.adapter.close(), other.adapter.close()]);
      podman('volume', 'rm', '--force', agentVolume);
    }
  });

  it('keeps two with network full apart', async ({ skip }) => {
    const { rootless, capabilities } = await adapter.probe();
    skip(capabilities.controls['network-full'].support === 'unsupported', 'no network here');
    const [server, client] = [
      sandboxSpec({ lifecycle: 'long-lived', network: 'full' }),
      sandboxSpec({ lifecycle: 'long-lived', network: 'full' }),
    ];
    for (const spec of [server, client]) {
      await adapter.create(spec);
      await adapter.start(spec.name);
    }
    const perl = (name: string, script: string) =>
      adapter.exec(name, { argv: ['/usr/bin/perl', '-MIO::Socket::INET', '-e', script] });
    const listen = await perl(
      server.name,
      '$s=IO::Socket::INET->new(LocalPort=>7777,Listen=>5)||die;$|=1;print "up\\n";$s->accept',
    );
    await new Promise((resolve) => listen.stdout.once('data', resolve));
    const address = await outputOf(adapter, server.name, ['/bin/sh', '-c', "hostname -I | cut -d' ' -f1"]);
    const from = async (name: string) => {
      const peer = `${address.stdout.trim()}:7777`;
      const script = `print IO::Socket::INET->new(PeerAddr=>"${peer}",Timeout=>2) ? "reached" : "apart"`;
      return (await outputOf(adapter, name, ['/usr/bin/perl', '-MIO::Socket::INET', '-e', script])).stdout;
    };
    expect(await from(client.name)).toBe('apart');
    expect(await from(server.name)).toBe('reached');
    listen.destroy();
    await Promise.all([adapter.remove(server.name), adapter.remove(client.name)]);
    if (!rootless) expect(podman('network', 'ls')).not.toContain(server.name);
  });

  it('leaves nothing of a create that was aborted', async () => {
    const specs = Array.from({ length: 8 }, () => sandboxSpec());
    const results = await Promise.allSettled(
      specs.map((spec, index) => adapter.create(spec, { signal: AbortSignal.timeout(index * 2) })),
    );
    for (const [index, result] of results.entries()) {
      if (result.status === 'fulfilled') await adapter.remove(specs[index]?.name ?? '');
      else expect(result.reason).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    }
    // Podman goes on with what it was asked for; it is removed as soon as it is there.
    await eventually(async () => {
      const left = (await adapter.list({ [LABEL.scope]: scope })).map(({ name }) => name);
      return !specs.some(({ name }) => left.includes(name));
    });
  });
});
