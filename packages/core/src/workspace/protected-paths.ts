import { dirname, join, resolve } from 'node:path';

/** A directory that no workspace may be, contain or lie in. */
export interface ProtectedPath {
  readonly path: string;
  /** For the message: `an engine's socket`. */
  readonly what: string;
}

const SOCKETS = 'where container engines have their sockets';

/** From the environment and home directory of this program: where engines have their sockets, and where our own state and configuration are. Pure. */
export function builtInProtectedPaths(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): ProtectedPath[] {
  const runtime = env.XDG_RUNTIME_DIR;
  const sockets = [
    '/run',
    '/var/run',
    '/run/podman',
    '/run/containerd',
    join(home, '.docker/run'),
    join(home, '.colima'),
    join(home, '.orbstack/run'),
    join(home, '.rd'),
    join(home, '.local/share/containers/podman/machine'),
  ];
  const endpoints = [
    env.DOCKER_HOST,
    env.CONTAINER_HOST,
    ...(runtime ? [join(runtime, 'docker.sock'), join(runtime, 'podman/podman.sock')] : []),
  ];
  const own = [
    join(env.XDG_STATE_HOME || join(home, '.local/state'), 'sandbox'),
    join(env.XDG_CONFIG_HOME || join(home, '.config'), 'sandbox'),
    ...(env.SANDBOX_STATE_DIR ? [resolve(env.SANDBOX_STATE_DIR)] : []),
    '/var/lib/sandbox',
    '/etc/sandbox',
    ...(env.SANDBOX_CONFIG ? [resolve(env.SANDBOX_CONFIG)] : []),
  ];
  return [
    ...['/proc', '/sys', '/dev'].map((path) => ({ path, what: 'a file system of the kernel' })),
    ...sockets.map((path) => ({ path, what: SOCKETS })),
    ...endpoints.flatMap((endpoint) => protectedByEndpoint(endpoint, home)),
    ...own.map((path) => ({ path, what: 'where sandboxes have their state and configuration' })),
  ];
}

/**
 * What an engine's endpoint protects, as `probe` or `DOCKER_HOST` give it (`unix:///run/docker.sock` or a path); nothing for one that is not a socket. In a directory
 * that is full of other things, only what contains the socket itself is refused. Pure.
 */
export function protectedByEndpoint(endpoint: string | undefined, home: string): ProtectedPath[] {
  const socket = endpoint?.replace(/^unix:\/\//, '');
  if (!socket?.startsWith('/')) return [];
  const shared = ['/', '/tmp', '/var/tmp', home];
  return [{ path: shared.includes(dirname(socket)) ? socket : dirname(socket), what: SOCKETS }];
}

/** Why a workspace at this real path is refused, or null. `protectedPaths` are real paths too. Pure. */
export function refuseWorkspace(realPath: string, protectedPaths: readonly ProtectedPath[]): string | null {
  if (realPath === '/') return 'it is the whole file system';
  for (const { path, what } of protectedPaths) {
    if (path === realPath) return `it is ${what}`;
    if (liesIn(path, realPath)) return `it contains ${path}, ${what}`;
    // A protected path that is the root would refuse every directory, and says nothing about this one.
    if (path !== '/' && liesIn(realPath, path)) return `it lies in ${path}, ${what}`;
  }
  return null;
}

function liesIn(path: string, directory: string): boolean {
  return path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}
