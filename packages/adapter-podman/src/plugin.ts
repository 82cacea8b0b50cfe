import { ADAPTER_API_VERSION, type AdapterPlugin } from '@sandbox/core';
import { createPodmanAdapter } from './podman-adapter.ts';
import { type PodmanAdapterOptions, podmanAdapterOptionsSchema } from './podman-options.ts';

export const podmanPlugin: AdapterPlugin<PodmanAdapterOptions> = {
  runtime: 'podman',
  apiVersion: ADAPTER_API_VERSION,
  optionsSchema: podmanAdapterOptionsSchema,
  create: createPodmanAdapter,
};
