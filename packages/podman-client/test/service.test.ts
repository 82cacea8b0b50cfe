import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PodmanConnection } from '@sandbox/podman-client';
import { describe, expect, it } from 'vitest';
import { podmanIsHere } from './podman-here.ts';

/** Runs a program of its own, as a user's would be. */
async function program(mode?: 'stay'): Promise<{ child: ChildProcess; socket: string }> {
  const path = fileURLToPath(new URL('./host-program.ts', import.meta.url));
  const child = spawn(process.execPath, [path, ...(mode ? [mode] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, socket: String(line).trim() };
}

async function answers(socketPath: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const call = request({ socketPath, path: '/_ping', agent: false }, (response) => {
    response.resume();
    resolve(response.statusCode === 200);
  });
  call.on('error', () => resolve(false)).end();
  return promise;
}

const LONG = { timeout: 15_000 };

describe.runIf(podmanIsHere())('a service of our own', () => {
  it('dies with a program that is killed, and the next removes its directory', async () => {
    const { child, socket } = await program('stay');
    expect(await answers(socket)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await expect.poll(() => answers(socket), LONG).toBe(false);
    const next = await program('stay');
    expect(existsSync(dirname(socket))).toBe(false);
    next.child.kill('SIGTERM');
    await once(next.child, 'exit');
  });

  it('lets a program end by itself, and goes with it', async () => {
    const { child, socket } = await program();
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).toBe(0);
    await expect.poll(() => answers(socket), LONG).toBe(false);
    expect(existsSync(dirname(socket))).toBe(false);
  });

  it('is shared by the connections of a program, kept for the next, and gone after the last', async () => {
    const connect = () => new PodmanConnection({ service: 'private' });
    const [one, other, next] = [connect(), connect(), connect()];
    await Promise.all([one.ready(), other.ready()]);
    const { endpoint } = one;
    expect(other).toMatchObject({ endpoint, isPrivate: true });
    one.close();
    other.close();
    await next.ready();
    expect(next.endpoint).toEqual(endpoint);
    next.close();
    await expect.poll(() => existsSync(dirname(endpoint.socketPath)), LONG).toBe(false);
    expect(await answers(endpoint.socketPath)).toBe(false);
  });
});
