export { podmanPlugin as default } from './plugin.ts';
export { createPodmanAdapter } from './podman-adapter.ts';
export { PODMAN_CAPABILITIES } from './podman-capabilities.ts';
export {
  type PodmanAdapterOptions,
  type PodmanTimeouts,
  podmanAdapterOptionsSchema,
} from './podman-options.ts';
