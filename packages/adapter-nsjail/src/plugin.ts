import { ADAPTER_API_VERSION, type AdapterPlugin } from '@sandbox/core';
import { createNsjailAdapter } from './nsjail-adapter.ts';
import { type NsjailAdapterOptions, nsjailAdapterOptionsSchema } from './nsjail-options.ts';

export const nsjailPlugin: AdapterPlugin<NsjailAdapterOptions> = {
  runtime: 'nsjail',
  apiVersion: ADAPTER_API_VERSION,
  optionsSchema: nsjailAdapterOptionsSchema,
  create: createNsjailAdapter,
};
