export { createDockerAdapter } from './docker-adapter.ts';
export { DOCKER_CAPABILITIES } from './docker-capabilities.ts';
export {
  type DockerAdapterOptions,
  type DockerTimeouts,
  type DockerTlsOptions,
  dockerAdapterOptionsSchema,
} from './docker-options.ts';
export { dockerPlugin as default } from './plugin.ts';
