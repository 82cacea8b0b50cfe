import { existsSync } from 'node:fs';
import type { Ending } from '../command/types.ts';
import { type ErrorCode, SandboxError } from '../errors/sandbox-error.ts';
import { faultOf, reasonOf } from '../sqlite/sqlite-faults.ts';
import { type OpenSqliteFile, readSqliteFile } from '../sqlite/sqlite-file.ts';
import { HISTORY_FILE } from './sqlite/executions-file.ts';

export const HISTORY_GROUPS = ['user', 'project', 'language', 'runtime'] as const;
export type HistoryGroup = (typeof HISTORY_GROUPS)[number];

export interface HistoryQuery {
  /** As `createSqliteExecutions` was given it. */
  readonly file: string;
  /** Only what began then or later. */
  readonly since: Date;
  /** Only what this user asked for. */
  readonly user?: string | undefined;
  /** A row for each of these; default: one for all together. */
  readonly by?: HistoryGroup | undefined;
}

/** What became of a number of executions. */
export interface HistoryRow {
  /** Name of the user, project, language or runtime; null for those without one, and for all together. */
  readonly key: string | null;
  readonly executions: number;
  /** How often each ending and each error code was; `started` for detached commands. */
  readonly outcomes: Readonly<Partial<Record<Ending | ErrorCode | 'started', number>>>;
  /** Commands that ended otherwise than with exit code 0. */
  readonly failures: number;
  /** What could not be run, and what was lost. */
  readonly errors: number;
  /** Shares of all executions, from 0 to 1. */
  readonly failureRate: number;
  readonly errorRate: number;
  /** So long or shorter took 50, 95 and 99 of 100 commands, those with a terminal left out. Null where there were none. */
  readonly durationMs: { readonly p50: number; readonly p95: number; readonly p99: number } | null;
  /** Of all together. */
  readonly cpuMs: number;
  /** The most that one of them had; null where nobody knows. */
  readonly peakMemoryBytes: number | null;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
}

/**
 * What was recorded, the most frequent first; nothing where there is no file yet. Reading blocks this thread, for seconds where there are a million executions. `FAILED_PRECONDITION` for
 * a file that cannot be read.
 */
export function readHistory({ file, since, user, by }: HistoryQuery): HistoryRow[] {
  if (!existsSync(file)) return [];
  const chosen = { since: since.getTime(), user: user ?? null, by: by ?? null };
  let open: OpenSqliteFile<'totals' | 'outcomes' | 'durations'> | undefined;
  try {
    open = readSqliteFile(HISTORY_FILE, file);
    const { totals, outcomes, durations } = open.statements;
    return rowsOf(
      totals.all(chosen) as unknown as Totals[],
      outcomes.all(chosen) as unknown as Outcome[],
      durations.all(chosen) as unknown as Durations[],
    );
  } catch (error) {
    if (faultOf(error) === undefined) throw error;
    throw new SandboxError('FAILED_PRECONDITION', `${file} cannot be read: ${reasonOf(error)}`, {
      operation: 'history',
      hint: 'Look at that file and its permissions. One that is damaged is set aside by the next command, and a new one begun.',
      cause: error,
    });
  } finally {
    open?.close();
  }
}

interface Totals {
  readonly key: string | null;
  readonly executions: number;
  readonly errors: number;
  readonly failures: number;
  readonly cpu_ms: number;
  readonly peak_memory_bytes: number | null;
  readonly stdout_bytes: number;
  readonly stderr_bytes: number;
}
interface Outcome {
  readonly key: string | null;
  readonly outcome: string;
  readonly count: number;
}
interface Durations {
  readonly key: string | null;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

function rowsOf(
  totals: readonly Totals[],
  outcomes: readonly Outcome[],
  durations: readonly Durations[],
): HistoryRow[] {
  const counts = Map.groupBy(outcomes, ({ key }) => key);
  const percentiles = new Map(durations.map(({ key, p50, p95, p99 }) => [key, { p50, p95, p99 }]));
  return totals.map(({ key, executions, errors, failures, ...used }) => ({
    key,
    executions,
    outcomes: Object.fromEntries((counts.get(key) ?? []).map(({ outcome, count }) => [outcome, count])),
    failures,
    errors,
    failureRate: failures / executions,
    errorRate: errors / executions,
    durationMs: percentiles.get(key) ?? null,
    cpuMs: used.cpu_ms,
    peakMemoryBytes: used.peak_memory_bytes,
    stdoutBytes: used.stdout_bytes,
    stderrBytes: used.stderr_bytes,
  }));
}
