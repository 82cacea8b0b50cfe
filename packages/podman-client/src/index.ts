export { cachedFile } from './cached-file.ts';
export { PodmanConnection } from './connection.ts';
export { LIBPOD, type PodmanFacts } from './facts.ts';
export type { PodmanHost } from './host.ts';
export type { PodmanConnectionOptions } from './options.ts';
export { takeStore } from './store-lock.ts';
