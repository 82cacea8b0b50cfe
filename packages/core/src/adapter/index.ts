export * from './adapter.ts';
export * from './capabilities.ts';
export * from './check-spec.ts';
export * from './images.ts';
export type * from './options-schema.ts';
export type * from './plugin.ts';
export * from './raw-process.ts';
export * from './spec.ts';
export * from './volumes.ts';
