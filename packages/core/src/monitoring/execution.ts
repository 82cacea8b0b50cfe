import type { Ending } from '../command/types.ts';
import type { ErrorCode } from '../errors/sandbox-error.ts';
import type { Lifecycle } from '../policy/policy.ts';

/**
 * The call: `shell` is an `exec`, a detached command a `detached`. A `create` or `open` is told only when it failed, and there was no sandbox to run anything in.
 */
export const OPERATIONS = ['run', 'exec', 'spawn', 'detached', 'create', 'open'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** One command that has ended, or what stopped us from running it: `ending` or `errorCode`. Of a detached command, which goes on without us, it is told that it was started: neither. */
export interface Execution {
  readonly operation: Operation;
  /** When it was asked for. */
  readonly startedAt: Date;
  /** Of the command by itself, in milliseconds; where it could not be run, until that was known. Null for a detached one. */
  readonly durationMs: number | null;
  /** Name of the person who asked, as in `create({ user })`. */
  readonly user: string | null;
  readonly project: string | null;
  readonly task: string | null;
  readonly language: string | null;
  /** Id of the runtime; null where it was not known yet. */
  readonly runtime: string | null;
  readonly sandbox: string | null;
  readonly lifecycle: Lifecycle | null;
  /** Whether somebody may have sat at a terminal of it: how long it took then says little. */
  readonly terminal: boolean;
  readonly ending: Ending | null;
  readonly errorCode: ErrorCode | null;
  readonly exitCode: number | null;
  /** Null where it was not run, or nobody knows. */
  readonly peakMemoryBytes: number | null;
  readonly cpuMs: number | null;
  /** What it printed, kept or not. */
  readonly stdoutBytes: number | null;
  readonly stderrBytes: number | null;
  /** Null unless asked for: see `executionDetails`. */
  readonly argv: readonly string[] | null;
  /** Of the command alone, by name. Null unless asked for. */
  readonly env: Readonly<Record<string, string>> | null;
}

export type OnExecution = (execution: Execution) => void | Promise<void>;

/** What may be secret, and is told only where somebody asks for it. */
export type ExecutionDetail = 'argv' | 'env';
