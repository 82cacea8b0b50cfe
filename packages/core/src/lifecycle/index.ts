export * from './build-spec.ts';
export * from './guest-layout.ts';
export * from './select-for-cleanup.ts';
export type * from './spec-request.ts';
