import { z } from 'zod';

/** Checks what `[runtimes.example]` of a `sandbox.toml` says, in camel case there. Strict: a misspelt key is told. */
export const exampleAdapterOptionsSchema = z.strictObject({
  callTimeoutMs: z.number().int().positive().optional(),
});

export interface ExampleAdapterOptions {
  /** How long one call to the runtime may take, in milliseconds; then it is `DEADLINE_EXCEEDED`. @default 30000 */
  readonly callTimeoutMs?: number | undefined;
}
