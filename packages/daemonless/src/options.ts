import { SandboxError } from '@sandbox/core';
import { z } from 'zod';

const absolute = z.string().startsWith('/');
/** What leads from the working directory would let a checkout bring the program that confines it. */
const program = z
  .string()
  .regex(/^(\/|[^/]+$)/, 'expected an absolute path, or the name of a program on PATH');

/** Checks what comes from a configuration file. */
export const jailerOptionsSchema = z.strictObject({
  binary: program.optional(),
  stateDirectory: absolute.optional(),
  cgroupParent: absolute.optional(),
  callTimeoutMs: z.number().int().positive().max(86_400_000).optional(),
});

/** Throws `INVALID_ARGUMENT` with the name of what is wrong. */
export function checkJailerOptions(runtime: string, options: unknown): void {
  const { error } = jailerOptionsSchema.safeParse(options);
  if (error === undefined) return;
  const [issue] = error.issues;
  const message = `options of the ${runtime} adapter: ${issue?.path.join('.')}: ${issue?.message}`;
  throw new SandboxError('INVALID_ARGUMENT', message, {
    runtime,
    operation: 'create the adapter',
    cause: error,
  });
}
