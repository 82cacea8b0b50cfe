import { lazyAdapter } from '@sandbox/cli';

/** The bundled runtimes, loaded when a command needs them. `doctor` goes by this order, and `auto` where nothing else decides. */
export const adapters = [
  lazyAdapter('apple-container', () => import('@sandbox/adapter-apple-container')),
  lazyAdapter('docker', () => import('@sandbox/adapter-docker')),
  lazyAdapter('podman', () => import('@sandbox/adapter-podman')),
  lazyAdapter('nsjail', () => import('@sandbox/adapter-nsjail')),
  lazyAdapter('bubblewrap', () => import('@sandbox/adapter-bubblewrap')),
];
