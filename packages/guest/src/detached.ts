import type { ExecRequest, ExecStatus, Release } from './command.ts';
import type { RequestOptions } from './files.ts';
import type { Text } from './text.ts';

/** A command that is to outlive the session. It reads an empty stdin, and what it leaves running belongs to it. */
export type DetachRequest = Pick<ExecRequest, 'argv' | 'env' | 'cwd' | 'timeoutMs' | 'graceMs'>;

/** What the sandbox's main process knows of one of its commands. */
export interface DetachedRecord {
  /** Given out once: never that of another command, also not after the sandbox was started again. */
  readonly id: string;
  /** As much as is remembered: 1 KiB. */
  readonly argv: readonly Text[];
  readonly argvTruncated: boolean;
  /** Null for one that could not be executed. */
  readonly pid: number | null;
  /** By the guest's clock, in milliseconds since 1970. */
  readonly startedMs: number;
  readonly endedMs: number | null;
  /** Bytes that were printed, kept or not. */
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  /** Null while anything of it runs. */
  readonly status: ExecStatus | null;
}

export interface LogsRequest {
  /** Goes on with what the command prints from now on, until it ends. @default false */
  readonly follow?: boolean | undefined;
  /** As those of `exec`. Who does not release in time misses output; the command is not held up. */
  onStdout?(chunk: Uint8Array, release: Release): void;
  onStderr?(chunk: Uint8Array, release: Release): void;
}

export interface LogsSummary extends DetachedRecord {
  /** Bytes that were printed and not kept until they could be sent. */
  readonly stdoutMissed: number;
  readonly stderrMissed: number;
}

/** Output on its way. */
export interface GuestLogs {
  /** Settles after all output was handed over. */
  readonly done: Promise<LogsSummary>;
  /** Nobody wants more: `done` settles soon. */
  close(): void;
}

/**
 * The commands that the sandbox's main process keeps, which outlive every session. Rejects with `UNSUPPORTED` where it keeps none or is of a version that
 * cannot be spoken to, and with `NOT_FOUND` for an id that is not, or no longer, remembered. A signal of the options ends the wait, never the command.
 */
export interface GuestDetached {
  /** Resolves once it runs, or could not be executed (127, 126). `RESOURCE_EXHAUSTED` while as many run as may. */
  start(request: DetachRequest, options?: RequestOptions): Promise<DetachedRecord>;
  /** Those that run and the last ones that have ended; the oldest first. */
  list(options?: RequestOptions): Promise<readonly DetachedRecord[]>;
  get(id: string, options?: RequestOptions): Promise<DetachedRecord>;
  /** Resolves once nothing of it runs any more. */
  wait(id: string, options?: RequestOptions): Promise<DetachedRecord>;
  /** To its process group. Success when it has ended. */
  signal(id: string, signal: number, options?: RequestOptions): Promise<DetachedRecord>;
  /** Kills the whole tree, `graceMs` (default: at once) after a SIGTERM, and resolves when it is gone. Success when it was. */
  kill(
    id: string,
    options?: RequestOptions & { readonly graceMs?: number | undefined },
  ): Promise<DetachedRecord>;
  /** Never throws: what stops it is in `done`. */
  logs(id: string, request?: LogsRequest): GuestLogs;
}
