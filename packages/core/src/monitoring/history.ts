import { statSync } from 'node:fs';
import type { Ending } from '../command/types.ts';
import { type ErrorCode, SandboxError } from '../errors/sandbox-error.ts';
import { faultOf, reasonOf } from '../sqlite/sqlite-faults.ts';
import { type OpenSqliteFile, readSqliteFile } from '../sqlite/sqlite-file.ts';
import { historyFile } from './sqlite/executions-file.ts';
import { percentilesOf, sumOf, type Tally, tallyInto } from './tally.ts';

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

export interface History {
  /** The most frequent first. */
  readonly rows: readonly HistoryRow[];
  /** All of them together; null where there are none. */
  readonly total: HistoryRow | null;
}

/**
 * What was recorded, the most frequent first; nothing where there is no file yet. Reading blocks this thread, for a second or two where there are a million executions. `FAILED_PRECONDITION` for
 * a file that cannot be read.
 */
export function readHistory(query: HistoryQuery): HistoryRow[] {
  return summaryOf(talliesOf(query));
}

/** The same, and all of it together, as it was at one moment. */
export function readHistoryAndTotal(query: HistoryQuery): History {
  const tallies = talliesOf(query);
  const total = tallies.size === 0 ? null : rowOf(null, sumOf(tallies.values()));
  return { rows: summaryOf(tallies), total };
}

type Tallies = ReadonlyMap<string | null, Tally>;

function talliesOf({ file, since, user, by }: HistoryQuery): Tallies {
  const tallies = new Map<string | null, Tally>();
  const chosen = { since: since.getTime(), user: user ?? null, by: by ?? null };
  let open: OpenSqliteFile<'look'> | undefined;
  try {
    // Throws where it may not be known.
    if (statSync(file, { throwIfNoEntry: false }) === undefined) return tallies;
    open = readSqliteFile(historyFile(tallyInto(tallies)), file);
    for (const _ of open.statements.look.iterate(chosen));
    return tallies;
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

/** The most frequent first; of those that are as frequent, the one without a key, then by the alphabet. */
function summaryOf(tallies: Tallies): HistoryRow[] {
  const rows = [...tallies].map(([key, tally]) => rowOf(key, tally));
  return rows.sort((one, other) => other.executions - one.executions || compareKeys(one.key, other.key));
}

function compareKeys(one: string | null, other: string | null): number {
  if (one === null || other === null) return Number(other === null) - Number(one === null);
  return one < other ? -1 : 1;
}

function rowOf(key: string | null, { outcomes, durations, ...tally }: Tally): HistoryRow {
  const { executions, failures, errors } = tally;
  const byCount = [...outcomes].sort(
    ([one, count], [other, than]) => than - count || compareKeys(one, other),
  );
  return {
    key,
    executions,
    outcomes: Object.fromEntries(byCount),
    failures,
    errors,
    failureRate: failures / executions,
    errorRate: errors / executions,
    durationMs: percentilesOf(durations),
    cpuMs: tally.cpuMs,
    peakMemoryBytes: tally.peakMemoryBytes,
    stdoutBytes: tally.stdoutBytes,
    stderrBytes: tally.stderrBytes,
  };
}
