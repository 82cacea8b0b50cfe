export * from './deadline.ts';
export * from './sandbox-error.ts';
