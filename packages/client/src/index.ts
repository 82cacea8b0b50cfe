export * from './sandbox-client.ts';
export * from './service-error.ts';
export type * from './types.ts';
