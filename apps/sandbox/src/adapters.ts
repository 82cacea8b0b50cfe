import type { AdapterEntry } from '@sandbox/cli';

/** The bundled runtimes, loaded when a command needs them. `doctor` goes by this order, and `auto` where nothing else decides. */
export const adapters: readonly AdapterEntry[] = [
  {
    runtime: 'apple-container',
    async load(options) {
      const { createAppleContainerAdapter, appleContainerAdapterOptionsSchema } = await import(
        '@sandbox/adapter-apple-container'
      );
      return createAppleContainerAdapter(await options(appleContainerAdapterOptionsSchema));
    },
  },
  {
    runtime: 'docker',
    async load(options) {
      const { createDockerAdapter, dockerAdapterOptionsSchema } = await import('@sandbox/adapter-docker');
      return createDockerAdapter(await options(dockerAdapterOptionsSchema));
    },
  },
  {
    runtime: 'podman',
    async load(options) {
      const { createPodmanAdapter, podmanAdapterOptionsSchema } = await import('@sandbox/adapter-podman');
      return createPodmanAdapter(await options(podmanAdapterOptionsSchema));
    },
  },
  {
    runtime: 'nsjail',
    async load(options) {
      const { createNsjailAdapter, nsjailAdapterOptionsSchema } = await import('@sandbox/adapter-nsjail');
      return createNsjailAdapter(await options(nsjailAdapterOptionsSchema));
    },
  },
];
