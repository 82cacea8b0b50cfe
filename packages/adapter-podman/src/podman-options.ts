import type { PodmanConnectionOptions } from '@sandbox/podman-client';
import { z } from 'zod';

const milliseconds = z.number().int().positive().max(86_400_000);
/** What leads from the working directory would let a checkout bring the program that confines it. */
const program = z
  .string()
  .regex(/^(\/|[^/]+$)/, 'expected an absolute path, or the name of a program on PATH');

/** Checks what comes from a configuration file. */
export const podmanAdapterOptionsSchema = z.strictObject({
  socketPath: z.string().startsWith('/').optional(),
  service: z.enum(['auto', 'private', 'none']).optional(),
  program: program.optional(),
  ociRuntime: z.string().min(1).optional(),
  agentVolume: z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/)
    .optional(),
  timeouts: z.strictObject({ probeMs: milliseconds.optional(), callMs: milliseconds.optional() }).optional(),
});

/** All optional: without any, Podman's socket is used where it answers, else a service of our own. */
export interface PodmanAdapterOptions extends PodmanConnectionOptions {
  /** Volume that holds the agents. @default `sandbox-agent` */
  readonly agentVolume?: string | undefined;
  readonly timeouts?: PodmanTimeouts | undefined;
}

export interface PodmanTimeouts {
  /** For the answers to `probe()`: Podman takes up to some seconds to say what it is. A socket has to answer within 3 s of it. @default 10000 */
  readonly probeMs?: number | undefined;
  /** For each call to Podman, but pulls and builds. @default 30000 */
  readonly callMs?: number | undefined;
}

export const PODMAN_DEFAULTS = {
  agentVolume: 'sandbox-agent',
  timeouts: { probeMs: 10_000, callMs: 30_000 },
} as const;
