import { ADAPTER_API_VERSION, type AdapterPlugin } from '@sandbox/core';
import { createAppleContainerAdapter } from './apple-container-adapter.ts';
import {
  type AppleContainerAdapterOptions,
  appleContainerAdapterOptionsSchema,
} from './apple-container-options.ts';

export const appleContainerPlugin: AdapterPlugin<AppleContainerAdapterOptions> = {
  runtime: 'apple-container',
  apiVersion: ADAPTER_API_VERSION,
  optionsSchema: appleContainerAdapterOptionsSchema,
  create: createAppleContainerAdapter,
};
