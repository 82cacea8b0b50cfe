export { createAppleContainerAdapter } from './apple-container-adapter.ts';
export { APPLE_CONTAINER_CAPABILITIES } from './apple-container-capabilities.ts';
export {
  type AppleContainerAdapterOptions,
  appleContainerAdapterOptionsSchema,
} from './apple-container-options.ts';
export { appleContainerPlugin as default } from './plugin.ts';
