export * from './sandbox-client.ts';
export { ServiceError } from './service-error.ts';
export type * from './types.ts';
