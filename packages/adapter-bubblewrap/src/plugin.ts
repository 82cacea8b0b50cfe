import { ADAPTER_API_VERSION, type AdapterPlugin } from '@sandbox/core';
import { createBubblewrapAdapter } from './bubblewrap-adapter.ts';
import { type BubblewrapAdapterOptions, bubblewrapAdapterOptionsSchema } from './bubblewrap-options.ts';

export const bubblewrapPlugin: AdapterPlugin<BubblewrapAdapterOptions> = {
  runtime: 'bubblewrap',
  apiVersion: ADAPTER_API_VERSION,
  optionsSchema: bubblewrapAdapterOptionsSchema,
  create: createBubblewrapAdapter,
};
