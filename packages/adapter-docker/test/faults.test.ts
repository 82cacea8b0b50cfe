import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createDockerAdapter } from '@sandbox/adapter-docker';
import { LABEL, type RuntimeAdapter } from '@sandbox/core';
import { openSession } from '@sandbox/guest';
import { canRunPrivateDocker, type PrivateDocker, startPrivateDocker } from '@sandbox/testbed/private-docker';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { dockerIsHere, sandboxSpec, scope } from './docker-here.ts';
import { eventually } from './engine.ts';

const here = await dockerIsHere();
const canRun = here && canRunPrivateDocker();

describe('a configuration of Docker that cannot be read', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sandbox-config-'));
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(directory, { recursive: true });
  });

  it.runIf(here)('is passed over, and told by the probe', async () => {
    vi.stubEnv('DOCKER_CONFIG', directory);
    mkdirSync(join(directory, 'config.json'));
    const adapter = createDockerAdapter();
    expect(await adapter.probe()).toMatchObject({
      status: 'healthy',
      warnings: expect.arrayContaining([expect.stringContaining(`cannot read ${directory}/config.json`)]),
    });
    await adapter.close();
  });
});

describe('sockets without an engine', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sandbox-sockets-'));
  const socketPath = join(directory, 's');
  const timeouts = { probeMs: 200, callMs: 200 };
  afterAll(() => rmSync(directory, { recursive: true }));

  it('one that is not there is undetected, with a way to install', async () => {
    const adapter = createDockerAdapter({ socketPath: join(directory, 'none') });
    expect(await adapter.probe()).toMatchObject({
      status: 'undetected',
      endpoint: `unix://${directory}/none`,
      remedy: expect.stringContaining('install'),
    });
    await expect(adapter.list()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('one that nobody listens on is unhealthy', async () => {
    const path = join(directory, 'file');
    writeFileSync(path, '');
    expect(await createDockerAdapter({ socketPath: path }).probe()).toMatchObject({
      status: 'unhealthy',
      remedy: expect.stringContaining('systemctl start docker'),
    });
  });

  it('one that accepts and never answers is unhealthy in time, and every call ends', async () => {
    const sockets = new Set<{ destroy(): void }>();
    const server = createServer((socket) => sockets.add(socket.on('error', () => {})));
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    const adapter = createDockerAdapter({ socketPath, timeouts });
    const start = performance.now();
    expect(await adapter.probe()).toMatchObject({
      status: 'unhealthy',
      message: expect.stringContaining('200 ms'),
    });
    const calls: Record<string, () => Promise<unknown>> = {
      create: () => adapter.create(sandboxSpec()),
      start: () => adapter.start('box'),
      attach: () => adapter.start('box', { attach: true }),
      exec: () => adapter.exec('box', { argv: ['true'] }),
      stop: () => adapter.stop('box'),
      kill: () => adapter.kill('box'),
      remove: () => adapter.remove('box'),
      inspect: () => adapter.inspect('box'),
      list: () => adapter.list(),
      stats: () => adapter.stats('box'),
      images: async () => adapter.images?.list(),
      volumes: async () => adapter.volumes?.list(),
    };
    await Promise.all(
      Object.entries(calls).map(([name, call]) =>
        expect(call(), name).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', runtime: 'docker' }),
      ),
    );
    expect(performance.now() - start).toBeLessThan(10_000);
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});

describe.runIf(canRun)('an engine that fails', () => {
  let docker: PrivateDocker;
  let adapter: RuntimeAdapter;
  beforeAll(async () => {
    docker = await startPrivateDocker();
    adapter = createDockerAdapter({
      socketPath: docker.socketPath,
      timeouts: { callMs: 5_000, probeMs: 500 },
    });
  });
  afterAll(async () => {
    await adapter?.close();
    await docker?.[Symbol.asyncDispose]();
  });

  it('that is stopped for a while is unhealthy, and healthy again', async () => {
    expect((await adapter.probe()).status).toBe('healthy');
    docker.hang();
    try {
      expect(await adapter.probe()).toMatchObject({
        status: 'unhealthy',
        message: expect.stringContaining('500 ms'),
      });
    } finally {
      docker.resume();
    }
    expect((await adapter.probe()).status).toBe('healthy');
  });

  it('that is killed in the middle of a command loses it, and nothing of it is left once it is back', async () => {
    const box = sandboxSpec();
    await adapter.create(box);
    const process = await adapter.start(box.name, { attach: true });
    const session = await openSession(process);
    const command = session.exec({ argv: ['sleep', '1000'] });
    await session.ping();
    await docker.kill();
    expect(await command.done).toMatchObject({ lost: true });
    expect((await session.closed).reason).toBe('lost');
    expect(await process.wait()).toEqual({ exitCode: null });
    await expect(adapter.remove(box.name)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await docker.start();
    await adapter.remove(box.name);
    await eventually(async () => (await adapter.list({ [LABEL.scope]: scope })).length === 0);
  });

  it('whose disk is full says RESOURCE_EXHAUSTED, and leaves nothing', async () => {
    const before = sandboxSpec();
    await adapter.create(before);
    const containers = join(dirname(docker.socketPath), 'data/containers');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', containers]);
    try {
      await expect(adapter.create(sandboxSpec())).rejects.toMatchObject({
        code: 'RESOURCE_EXHAUSTED',
        hint: expect.stringContaining('disk'),
      });
      expect(await adapter.list({ [LABEL.scope]: scope })).toHaveLength(1);
    } finally {
      execFileSync('umount', [containers]);
    }
    await adapter.remove(before.name);
  });
});
