import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPodmanAdapter } from '@sandbox/adapter-podman';
import type { ProbeResult } from '@sandbox/core';
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { OrdinaryUser, whyNoUser } from './ordinary-user.ts';
import { podmanIsHere, sandboxSpec } from './podman-here.ts';

const directory = mkdtempSync(join(tmpdir(), 'sandbox-sockets-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Root's usual socket is the system's, which is not ours to play with. */
const usable = (await podmanIsHere()) && process.getuid?.() !== 0;

/** As a service leaves it that was killed. */
async function leaveDeadSocket(path: string): Promise<void> {
  const script = 'require("net").createServer().listen(process.argv[1], () => console.log("up"))';
  const child = spawn(process.execPath, ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe('sockets without Podman', () => {
  it('one that is not there is undetected, with a way to install', async () => {
    const adapter = createPodmanAdapter({ socketPath: join(directory, 'none') });
    expect(await adapter.probe()).toMatchObject({
      status: 'undetected',
      endpoint: `unix://${directory}/none`,
      remedy: expect.stringContaining('install'),
    });
    await expect(adapter.list()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it.each(['a file', 'a socket'])('one that is there and dead is unhealthy (%s)', async (kind) => {
    const socketPath = join(directory, kind);
    if (kind === 'a file') writeFileSync(socketPath, '');
    else await leaveDeadSocket(socketPath);
    const adapter = createPodmanAdapter({ socketPath });
    expect(await adapter.probe()).toMatchObject({
      status: 'unhealthy',
      remedy: expect.stringContaining('podman.socket'),
    });
    await expect(adapter.create(sandboxSpec())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it.runIf(usable)('one where it usually is, and dead, is passed over for a service of our own', async () => {
    const runtimeDirectory = join(directory, 'run');
    mkdirSync(join(runtimeDirectory, 'podman'), { recursive: true, mode: 0o700 });
    await leaveDeadSocket(join(runtimeDirectory, 'podman/podman.sock'));
    vi.stubEnv('XDG_RUNTIME_DIR', runtimeDirectory);
    onTestFinished(() => void vi.unstubAllEnvs());
    const adapter = createPodmanAdapter();
    expect(await adapter.probe()).toMatchObject({
      status: 'healthy',
      message: expect.stringContaining('a service of our own'),
    });
    await adapter.close();
  });

  it('one that accepts and never answers is unhealthy in time, and every call ends', async () => {
    const socketPath = join(directory, 'hung');
    const sockets = new Set<{ destroy(): void }>();
    const server = createServer((socket) => sockets.add(socket.on('error', () => {})));
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    const adapter = createPodmanAdapter({ socketPath, timeouts: { probeMs: 200, callMs: 200 } });
    const start = performance.now();
    expect(await adapter.probe()).toMatchObject({
      status: 'unhealthy',
      message: expect.stringContaining('200 ms'),
    });
    const calls: Record<string, () => Promise<unknown>> = {
      create: () => adapter.create(sandboxSpec()),
      start: () => adapter.start('box', { attach: true }),
      exec: () => adapter.exec('box', { argv: ['true'] }),
      stop: () => adapter.stop('box'),
      remove: () => adapter.remove('box'),
      inspect: () => adapter.inspect('box'),
      list: () => adapter.list(),
      stats: () => adapter.stats('box'),
    };
    await Promise.all(
      Object.entries(calls).map(([name, call]) =>
        expect(call(), name).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', runtime: 'podman' }),
      ),
    );
    expect(performance.now() - start).toBeLessThan(10_000);
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it.runIf(process.platform === 'linux')('no program to start one with is undetected', async () => {
    const adapter = createPodmanAdapter({ service: 'private', program: join(directory, 'podman') });
    expect((await adapter.probe()).status).toBe('undetected');
  });

  it.runIf(process.platform === 'linux')('a program that does not start one is unhealthy', async () => {
    const adapter = createPodmanAdapter({ service: 'private', program: '/bin/false' });
    expect(await adapter.probe()).toMatchObject({
      status: 'unhealthy',
      message: expect.stringContaining('did not start'),
    });
    await expect(adapter.list()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await adapter.close();
  });
});

describe.runIf(await podmanIsHere())('an OCI runtime that is not there', () => {
  it('is said to be missing, and not replaced by another', async () => {
    const adapter = createPodmanAdapter({ service: 'private', ociRuntime: 'nonesuch' });
    expect(await adapter.probe()).toMatchObject({
      status: 'unhealthy',
      message: expect.stringContaining('nonesuch'),
    });
    await expect(adapter.create(sandboxSpec())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await adapter.close();
  });
});

const why = whyNoUser();

describe.runIf(await podmanIsHere())('a user who cannot have ids of others', () => {
  it.skipIf(why)('is told what to install and to type', async () => {
    await using user = new OrdinaryUser({ subordinateIds: false });
    const probe = async (env: NodeJS.ProcessEnv) => {
      const program = 'packages/adapter-podman/test/print-probe.ts';
      const { stdout, stderr } = await user.run([join(user.checkout, 'node_modules/.bin/node'), program], {
        env,
      });
      if (stdout === '') throw new Error(stderr);
      return JSON.parse(stdout) as ProbeResult;
    };
    expect(await probe({})).toMatchObject({
      status: 'unhealthy',
      remedy: expect.stringContaining('--add-subuids'),
    });
    const programs = join(user.directory, 'bin');
    mkdirSync(programs);
    symlinkSync('/usr/bin/podman', join(programs, 'podman'));
    expect(await probe({ PATH: programs })).toMatchObject({
      status: 'unhealthy',
      remedy: expect.stringContaining('uidmap'),
    });
  });
});
