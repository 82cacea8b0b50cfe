import { checkCode } from '@sandbox/code-checks';
import type { Sandboxes } from '@sandbox/core';
import type { LanguageCatalog } from '@sandbox/languages';
import type { AccessSource } from './access.ts';
import { Admission } from './admission.ts';
import type { CheckCode } from './code-warnings.ts';
import { Life } from './life.ts';
import { Metrics } from './metrics.ts';
import { createServiceLog, describeError, type ServiceLog } from './service-log.ts';

export interface ServerOptions {
  /** What the sandboxes are made by. The server closes none of it. */
  readonly sandboxes: Sandboxes;
  readonly languages: LanguageCatalog;
  /** Keys and workspace roots. Default: none of either. */
  readonly access?: AccessSource | undefined;
  /** As whom requests over the loopback address act while there are no keys. Default: nobody may. */
  readonly localUser?: string | undefined;
  /** Names by which the service may be called, besides `localhost`, loopback addresses and the address that a request came to. */
  readonly hosts?: readonly string[] | undefined;
  /** Looks at code before it is executed; what it finds is only told. Null: nobody looks. Default: `checkCode` of `@sandbox/code-checks`. */
  readonly checkCode?: CheckCode | null | undefined;
  /** For `/health` and the OpenAPI document. */
  readonly version?: string | undefined;
  readonly limits?: Partial<ServerLimits> | undefined;
  /** More for `/health`, such as the state of images. */
  readonly health?: (() => Readonly<Record<string, unknown>>) | undefined;
  /** What is done, by whom, and how it went; no header, body, code, variable or output. Default: errors only, to stderr. */
  readonly log?: ServiceLog | undefined;
  /** Gets what goes wrong behind a request's back, or inside of this program, as it is: it may quote the request. The log gets it without that. */
  readonly onError?: ((error: unknown, what: string) => void) | undefined;
}

/** Times in milliseconds, sizes in bytes. */
export interface ServerLimits {
  /** An ephemeral sandbox in which nothing was executed for so long is removed. @default 600 000 */
  readonly idleTtlMs: number;
  /** @default 16 MiB */
  readonly maxBodyBytes: number;
  /** How long sending a request may take, waiting for its turn included. @default 90 000 */
  readonly requestTimeoutMs: number;
  /** Sandboxes that are there at one time. @default 32 of one user, 128 in all */
  readonly sandboxesPerUser: number;
  readonly sandboxes: number;
  /** Requests at one time that make something, execute or carry files; a stream is one until its end. @default 32 of one user, 64 in all */
  readonly requestsPerUser: number;
  readonly requests: number;
  /** Requests of one user that wait for any of these, and how long. @default 256, 30 000 */
  readonly queuePerUser: number;
  readonly queueMs: number;
  /** Between SIGTERM and SIGKILL for a command that is to end: its time is up, its client has gone, the service stops. @default 2 000 */
  readonly graceMs: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  idleTtlMs: 600_000,
  maxBodyBytes: 16 * 2 ** 20,
  requestTimeoutMs: 90_000,
  sandboxesPerUser: 32,
  sandboxes: 128,
  requestsPerUser: 32,
  requests: 64,
  queuePerUser: 256,
  queueMs: 30_000,
  graceMs: 2_000,
};

/** What the routes stand on. */
export interface Service {
  readonly sandboxes: Sandboxes;
  readonly languages: LanguageCatalog;
  readonly access: AccessSource;
  readonly localUser: string | undefined;
  readonly hosts: readonly string[];
  readonly checkCode: CheckCode | null;
  readonly version: string;
  readonly limits: ServerLimits;
  readonly health: () => Readonly<Record<string, unknown>>;
  readonly log: ServiceLog;
  /** `secrets`: what the log must not have of it. */
  readonly onError: (error: unknown, what: string, secrets?: readonly string[]) => void;
  readonly life: Life;
  /** Places for sandboxes. */
  readonly places: Admission;
  /** Places for requests that are work. */
  readonly work: Admission;
  readonly metrics: Metrics;
  /** Fires when the service stops. */
  readonly closing: AbortController;
}

const NOBODY: AccessSource = { keys: [], workspaceRoots: () => [] };

export function createService(options: ServerOptions): Service {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const log = options.log ?? createServiceLog({ level: 'error' });
  const onError: Service['onError'] = (error, what, secrets = []) => {
    options.onError?.(error, what);
    log.error({ what, error: describeError(error, secrets) }, 'failed');
  };
  const queue = { queuePerUser: limits.queuePerUser, waitMs: limits.queueMs };
  return {
    sandboxes: options.sandboxes,
    languages: options.languages,
    access: options.access ?? NOBODY,
    localUser: options.localUser,
    hosts: ['localhost', '127.0.0.1', '[::1]', ...(options.hosts ?? []).map((host) => host.toLowerCase())],
    checkCode: options.checkCode === undefined ? checkCode : options.checkCode,
    version: options.version ?? 'unknown',
    limits,
    health: options.health ?? (() => ({})),
    log,
    onError,
    life: new Life({
      idleTtlMs: limits.idleTtlMs,
      onError,
      onRemoved: ({ id, facts: { user } }) => log.info({ sandbox: id, user }, 'removed'),
    }),
    places: new Admission({
      what: 'sandboxes',
      total: limits.sandboxes,
      perUser: limits.sandboxesPerUser,
      ...queue,
    }),
    work: new Admission({
      what: 'requests',
      total: limits.requests,
      perUser: limits.requestsPerUser,
      ...queue,
    }),
    metrics: new Metrics(),
    closing: new AbortController(),
  };
}
