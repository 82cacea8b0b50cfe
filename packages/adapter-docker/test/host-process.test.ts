import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { formatInstance, LABEL, readInstance } from '@sandbox/core';
import { agentArtifact, openSession } from '@sandbox/guest';
import { afterAll, describe, expect, it } from 'vitest';
import { dockerForTests, dockerIsHere, IMAGE, sandboxSpec, scope } from './docker-here.ts';
import { engine, eventually } from './engine.ts';

const here = await dockerIsHere();
const { adapter, cleanUp } = dockerForTests();
if (here) afterAll(cleanUp);

/** Runs a program of its own, as a user's would be. */
function program(mode: string, ...rest: string[]): ChildProcess & { said: Promise<string> } {
  const path = fileURLToPath(new URL('./host-program.ts', import.meta.url));
  const env = { ...process.env, SANDBOX_SCOPE: scope };
  const child = spawn(process.execPath, [path, mode, ...rest], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const said = (async () => {
    let text = '';
    for await (const chunk of child.stdout) {
      text += chunk;
      if (text.includes('\n')) break;
    }
    return text.trim();
  })();
  return Object.assign(child, { said });
}

describe.runIf(here)('a program that uses Docker', () => {
  it('leaves nothing behind when it is killed in the middle of a session', async () => {
    const child = program('session');
    const name = await child.said;
    expect((await adapter.inspect(name)).state).toBe('running');
    child.kill('SIGKILL');
    await once(child, 'exit');
    await eventually(async () => (await adapter.list({ [LABEL.name]: name })).length === 0);
  });

  it.each(['made', 'probed', 'idle'])('ends by itself, whatever it has left open (%s)', async (mode) => {
    const child = program(mode);
    const [name, [code]] = await Promise.all([child.said, once(child, 'exit')]);
    expect(code).toBe(0);
    if (mode !== 'idle') return;
    // Its session's connection ended with it.
    await eventually(async () => (await adapter.list({ [LABEL.name]: name })).length === 0);
  });

  it('can be one of many that bring the agent at the same time', async () => {
    const volume = `sandbox-agent-${scope}`;
    const digest = randomBytes(8).toString('hex');
    try {
      const children = Array.from({ length: 6 }, () => program('agent', volume, digest));
      const ends = await Promise.all(children.map((child) => once(child, 'exit')));
      expect(ends.map(([code]) => code)).toEqual(children.map(() => 0));
    } finally {
      await engine('DELETE', `/volumes/${volume}`);
    }
  });

  it.each(['filling', 'filled'])(
    'waits for nobody who was killed while %s the volume of agents',
    async (when) => {
      const agentVolume = `sandbox-agent-${when}-${scope}`;
      const { adapter: maker } = dockerForTests({ agentVolume });
      const spec = sandboxSpec();
      const name = `${agentVolume}-fill-${spec.agent.digest.slice(0, 12)}`;
      const dead = formatInstance({ ...readInstance(), startTime: '1' });
      const labels = {
        [LABEL.managed]: 'true',
        [LABEL.name]: name,
        [LABEL.lifecycle]: 'ephemeral',
        [LABEL.instance]: dead,
      };
      const body = { Image: IMAGE, Cmd: ['/never-started'], Labels: labels };
      try {
        if (when === 'filled') {
          const before = sandboxSpec();
          await maker.create(before);
          await maker.remove(before.name);
        }
        await engine('POST', `/containers/create?name=${name}`, body);
        const start = performance.now();
        await maker.create(spec);
        expect(performance.now() - start).toBeLessThan(10_000);
        await maker.remove(spec.name);
        // It is for whoever cleans up next.
        const left = await maker.list({ [LABEL.name]: name });
        expect(left.map(({ labels }) => labels[LABEL.instance])).toEqual(when === 'filled' ? [dead] : []);
      } finally {
        await maker.remove(name);
        await maker.close();
        await engine('DELETE', `/volumes/${agentVolume}`);
      }
    },
  );

  it('brings its own agent to a sandbox that was made with another', async () => {
    const agentVolume = `sandbox-agent-other-${scope}`;
    const [maker, user] = [dockerForTests({ agentVolume }), dockerForTests({ agentVolume })];
    const agent = { digest: randomBytes(8).toString('hex'), path: agentArtifact().path };
    const spec = sandboxSpec({ lifecycle: 'long-lived' });
    try {
      await maker.adapter.create(spec);
      await maker.adapter.start(spec.name);
      const argv = [`/.sandbox/${agent.digest}/agent`, 'session'];
      const session = await openSession(await user.adapter.exec(spec.name, { argv, agent }));
      expect(session.hello.uid).toBe(1000);
      await session.close();
    } finally {
      await maker.adapter.remove(spec.name);
      await Promise.all([maker.adapter.close(), user.adapter.close()]);
      await engine('DELETE', `/volumes/${agentVolume}`);
    }
  });

  it('mends an agent that was not written to its end, and one whose volume went away', async () => {
    const agentVolume = `sandbox-agent-mend-${scope}`;
    const one = dockerForTests({ agentVolume });
    const artifact = agentArtifact();
    const half = { digest: artifact.digest, path: () => fileURLToPath(import.meta.url) };
    const echo = [
      '/bin/sh',
      '-c',
      `${sandboxSpec().argv[0]} 2>&1 | head -c 2000; stat -c "%a %u %s" ${sandboxSpec().argv[0]}`,
    ];
    const run = async (specs: Parameters<typeof sandboxSpec>[0], maker = one.adapter) => {
      const spec = sandboxSpec({ argv: echo, ...specs });
      await maker.create(spec);
      const process = await maker.start(spec.name, { attach: true });
      const text = String(Buffer.concat(await process.stdout.toArray()));
      await process.wait();
      return text;
    };
    try {
      expect(await run({ agent: half })).toMatch(/111 0 \d+\n$/);
      const again = dockerForTests({ agentVolume });
      const whole = await run({}, again.adapter);
      expect(whole).toMatch(/111 0 \d{7}\n$/);
      // An engine lets go of a volume a moment after it has told of the container's removal.
      await eventually(() =>
        engine('DELETE', `/volumes/${agentVolume}`).then(
          () => true,
          () => false,
        ),
      );
      const gone = sandboxSpec();
      await again.adapter.create(gone);
      await expect(again.adapter.start(gone.name, { attach: true })).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
      await again.adapter.remove(gone.name);
      expect(await run({}, again.adapter)).toBe(whole);
      await again.adapter.close();
    } finally {
      await one.adapter.close();
      await engine('DELETE', `/volumes/${agentVolume}?force=1`);
    }
  });
});
