export * from './adopt.ts';
export * from './memory-registry.ts';
export type * from './registry.ts';
export * from './sqlite-registry.ts';
