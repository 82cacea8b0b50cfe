export { createReferenceAdapter } from './reference-adapter.ts';
export type { ReferenceOptions } from './reference-options.ts';
