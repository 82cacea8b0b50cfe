export * from './adapter.ts';
export * from './capabilities.ts';
export * from './images.ts';
export * from './raw-process.ts';
export * from './spec.ts';
export * from './volumes.ts';
