import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { homeDirectory, SandboxError } from '@sandbox/core';
import type { PodmanConnectionOptions } from './options.ts';

/** What the choice looks at, so that it can be tested without any of it. */
export interface EndpointWorld {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly uid: number | undefined;
  readonly home: string;
  readonly temporary: string;
}

export const realWorld = (): EndpointWorld => ({
  env: process.env,
  platform: process.platform,
  uid: process.getuid?.(),
  home: homeDirectory(),
  temporary: tmpdir(),
});

/** Sockets where Podman may answer, best first. `fixed`: somebody has said that it is this one. Pure. */
export function socketCandidates(
  { socketPath }: PodmanConnectionOptions,
  { env, platform, uid, home, temporary }: EndpointWorld,
): { sockets: readonly [string, ...string[]]; fixed: boolean } {
  if (socketPath !== undefined) return { sockets: [socketPath], fixed: true };
  if (env.CONTAINER_HOST) return { sockets: [fromHost(env.CONTAINER_HOST)], fixed: true };
  if (platform === 'darwin') {
    return {
      sockets: [
        join(temporary, 'podman/podman-machine-default-api.sock'),
        join(home, '.local/share/containers/podman/machine/podman.sock'),
      ],
      fixed: false,
    };
  }
  if (uid === 0) return { sockets: ['/run/podman/podman.sock'], fixed: false };
  return { sockets: [join(env.XDG_RUNTIME_DIR || `/run/user/${uid}`, 'podman/podman.sock')], fixed: false };
}

function fromHost(host: string): string {
  const path = /^unix:\/\/(\/.*)$/.exec(host)?.[1];
  if (path !== undefined) return path;
  throw new SandboxError('UNSUPPORTED', `Podman at CONTAINER_HOST=${host} is not supported`, {
    runtime: 'podman',
    hint: 'forward its socket: ssh -nNT -L /tmp/podman.sock:/run/podman/podman.sock HOST; then CONTAINER_HOST=unix:///tmp/podman.sock',
  });
}

/** Whether Podman answers there in time. */
export async function answers(socketPath: string, timeoutMs: number): Promise<boolean> {
  if (!existsSync(socketPath)) return false;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const call = request(
    { socketPath, path: '/_ping', signal: AbortSignal.timeout(timeoutMs), agent: false },
    (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    },
  );
  call.on('error', () => resolve(false)).end();
  return promise;
}
