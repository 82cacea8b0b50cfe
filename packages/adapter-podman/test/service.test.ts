import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LABEL } from '@sandbox/core';
import { afterAll, describe, expect, it } from 'vitest';
import { eventually, podman } from './podman-engine.ts';
import { outputOf, podmanForTests, podmanIsHere, processesWith, sandboxSpec, scope } from './podman-here.ts';

const here = (await podmanIsHere()) && process.platform === 'linux';
const { adapter, cleanUp } = podmanForTests({ service: 'private' });
if (here) afterAll(cleanUp);

/** Runs a program of its own, as a user's would be. */
async function program(mode: string): Promise<{ child: ChildProcess; socket: string; name: string }> {
  const path = fileURLToPath(new URL('./host-program.ts', import.meta.url));
  const env = { ...process.env, SANDBOX_SCOPE: scope };
  const child = spawn(process.execPath, [path, mode], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout) {
    text += chunk;
    if (text.includes('\n')) break;
  }
  const [endpoint = '', name = ''] = text.trim().split(' ');
  return { child, socket: endpoint.replace('unix://', ''), name };
}

describe.runIf(here)('a service of our own', () => {
  it('dies with a program that is killed, and nothing of its sandbox is left', async () => {
    const { child, socket, name } = await program('session');
    expect(processesWith(socket)).not.toEqual([]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await eventually(() => processesWith(socket).length === 0);
    await eventually(async () => (await adapter.list({ [LABEL.name]: name })).length === 0);
  });

  it('lets a program end by itself that leaves a session open, and goes with it', async () => {
    const { child, socket } = await program('idle');
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).toBe(0);
    await eventually(() => processesWith(socket).length === 0);
    expect(existsSync(dirname(socket))).toBe(false);
  });

  it('is started again when somebody has killed it', async () => {
    const { endpoint = '' } = await adapter.probe();
    const socket = endpoint.replace('unix://', '');
    for (const pid of processesWith(socket)) process.kill(pid, 'SIGKILL');
    await eventually(() => processesWith(socket).length === 0);
    const spec = sandboxSpec({ argv: ['/bin/echo', 'again'] });
    await eventually(() =>
      adapter.create(spec).then(
        () => true,
        () => false,
      ),
    );
    const main = await adapter.start(spec.name, { attach: true });
    expect(String(Buffer.concat(await main.stdout.toArray()))).toBe('again\n');
    await adapter.remove(spec.name);
  });

  it('keeps no helper of a session for longer than a second or two', async () => {
    const spec = sandboxSpec({ lifecycle: 'long-lived' });
    const { info } = await adapter.create(spec);
    await adapter.start(spec.name);
    const helpers = () => processesWith(`/${info.id}/`).length;
    const alone = helpers();
    for (let count = 0; count < 3; count += 1) await outputOf(adapter, spec.name, ['/bin/true']);
    expect((await adapter.inspect(spec.name)).sessions).toBe(0);
    await eventually(() => helpers() <= alone, 10_000);
    await adapter.remove(spec.name);
  });

  it('gives each sandbox with network full a bridge, and takes it away', async () => {
    const spec = sandboxSpec({ lifecycle: 'long-lived', network: 'full' });
    await adapter.create(spec);
    const bridge = `sandbox-network-${spec.name}`;
    const isRootless = (await adapter.probe()).rootless === true;
    const networks = () => podman('network', 'ls', '--format', '{{.Name}}').split('\n');
    expect(networks().includes(bridge)).toBe(!isRootless);
    await adapter.remove(spec.name);
    expect(networks()).not.toContain(bridge);
  });

  it('of a killed program is not missed: a bridge that it left is removed with its sandbox', async () => {
    const { child, name } = await program('network');
    child.kill('SIGKILL');
    await once(child, 'exit');
    await eventually(async () => (await adapter.list({ [LABEL.name]: name })).length === 0);
    await adapter.remove(name);
    expect(podman('network', 'ls', '--format', '{{.Name}}').split('\n')).not.toContain(
      `sandbox-network-${name}`,
    );
  });
});
