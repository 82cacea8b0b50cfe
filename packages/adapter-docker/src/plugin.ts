import { ADAPTER_API_VERSION, type AdapterPlugin } from '@sandbox/core';
import { createDockerAdapter } from './docker-adapter.ts';
import { type DockerAdapterOptions, dockerAdapterOptionsSchema } from './docker-options.ts';

export const dockerPlugin: AdapterPlugin<DockerAdapterOptions> = {
  runtime: 'docker',
  apiVersion: ADAPTER_API_VERSION,
  optionsSchema: dockerAdapterOptionsSchema,
  create: createDockerAdapter,
};
