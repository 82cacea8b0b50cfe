import { z } from 'zod';

const milliseconds = z.number().int().positive().max(86_400_000);

/** Checks what comes from a configuration file. */
export const dockerAdapterOptionsSchema = z.strictObject({
  socketPath: z.string().startsWith('/').optional(),
  host: z.string().min(1).optional(),
  context: z.string().min(1).optional(),
  tls: z
    .strictObject({
      ca: z.string().min(1).optional(),
      cert: z.string().min(1).optional(),
      key: z.string().min(1).optional(),
      verify: z.boolean().optional(),
    })
    .optional(),
  ociRuntime: z.string().min(1).optional(),
  agentVolume: z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/)
    .optional(),
  timeouts: z.strictObject({ probeMs: milliseconds.optional(), callMs: milliseconds.optional() }).optional(),
});

/** All optional: without any, Docker is found as its own command line finds it. Of `socketPath`, `host` and `context` at most one is given. */
export interface DockerAdapterOptions {
  /** Path of the engine's Unix socket. */
  readonly socketPath?: string | undefined;
  /**
   * `unix:///path` or `tcp://host:port`, as in `DOCKER_HOST`.
   * @default DOCKER_HOST, else the current context, else `/var/run/docker.sock`, else `$XDG_RUNTIME_DIR/docker.sock`
   */
  readonly host?: string | undefined;
  /**
   * Name of a Docker context.
   * @default DOCKER_CONTEXT, else `currentContext` of `~/.docker/config.json`
   */
  readonly context?: string | undefined;
  /** Paths of PEM files for `tcp://`. @default those of DOCKER_CERT_PATH where DOCKER_TLS_VERIFY is set, or the context's */
  readonly tls?: DockerTlsOptions | undefined;
  /** OCI runtime for all sandboxes: `runc`, `crun`, `runsc`, `kata`; the engine must know it. @default the engine's own */
  readonly ociRuntime?: string | undefined;
  /** Volume that holds the agents. @default `sandbox-agent` */
  readonly agentVolume?: string | undefined;
  readonly timeouts?: DockerTimeouts | undefined;
}

export interface DockerTlsOptions {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Whether the engine's certificate is checked. @default true */
  readonly verify?: boolean | undefined;
}

export interface DockerTimeouts {
  /** For the answers to `probe()`. @default 3000 */
  readonly probeMs?: number | undefined;
  /** For each call to the engine, but pulls and builds. @default 30000 */
  readonly callMs?: number | undefined;
}

export const DOCKER_DEFAULTS = {
  agentVolume: 'sandbox-agent',
  timeouts: { probeMs: 10_000, callMs: 30_000 },
} as const;
