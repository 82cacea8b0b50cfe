import type { SandboxErrorOptions } from './sandbox-error.ts';

/** Where an error arose. */
export type ErrorContext = Omit<SandboxErrorOptions, 'cause'> & { readonly operation: string };
