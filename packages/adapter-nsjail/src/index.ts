export { createNsjailAdapter } from './nsjail-adapter.ts';
export { NSJAIL_CAPABILITIES } from './nsjail-capabilities.ts';
export { type NsjailAdapterOptions, nsjailAdapterOptionsSchema } from './nsjail-options.ts';
export { nsjailPlugin as default } from './plugin.ts';
