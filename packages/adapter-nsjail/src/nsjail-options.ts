import type { DaemonlessOptions } from '@sandbox/daemonless';
import { z } from 'zod';

const absolute = z.string().startsWith('/');

/** Checks what comes from a configuration file. */
export const nsjailAdapterOptionsSchema = z.strictObject({
  binary: z.string().min(1).optional(),
  stateDirectory: absolute.optional(),
  cgroupParent: absolute.optional(),
  callTimeoutMs: z.number().int().positive().max(86_400_000).optional(),
});

export interface NsjailAdapterOptions extends DaemonlessOptions {
  /** The program. Its libraries lie beside it, so name it where it is. @default NSJAIL_PATH, else `nsjail` on PATH */
  readonly binary?: string | undefined;
}
