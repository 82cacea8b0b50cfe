export { createBubblewrapAdapter } from './bubblewrap-adapter.ts';
export { BUBBLEWRAP_CAPABILITIES } from './bubblewrap-capabilities.ts';
export { type BubblewrapAdapterOptions, bubblewrapAdapterOptionsSchema } from './bubblewrap-options.ts';
export { bubblewrapPlugin as default } from './plugin.ts';
