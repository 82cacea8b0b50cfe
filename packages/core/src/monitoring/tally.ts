import type { TakeExecution } from './sqlite/executions-file.ts';

/** What is counted of executions that have a key in common. */
export interface Tally {
  executions: number;
  errors: number;
  failures: number;
  cpuMs: number;
  peakMemoryBytes: number | null;
  stdoutBytes: number;
  stderrBytes: number;
  readonly outcomes: Map<string, number>;
  /** In any order. How long somebody sat at a terminal, or a lost one was waited for, is no duration of a command. */
  readonly durations: number[];
}

function emptyTally(): Tally {
  const nothing = { executions: 0, errors: 0, failures: 0, cpuMs: 0, stdoutBytes: 0, stderrBytes: 0 };
  return { ...nothing, peakMemoryBytes: null, outcomes: new Map(), durations: [] };
}

/** Counts each execution where it belongs. */
export function tallyInto(tallies: Map<string | null, Tally>): TakeExecution {
  return (
    key,
    ending,
    errorCode,
    hasFailed,
    durationMs,
    cpuMs,
    peakMemoryBytes,
    stdoutBytes,
    stderrBytes,
  ) => {
    const tally = tallies.get(key) ?? emptyTally();
    tallies.set(key, tally);
    const isLost = ending === 'lost';
    const isKnown = ending !== null && !isLost;
    const outcome = ending ?? errorCode ?? 'started';
    tally.executions += 1;
    if (errorCode !== null || isLost) tally.errors += 1;
    if (isKnown && hasFailed !== 0) tally.failures += 1;
    if (isKnown && durationMs !== null) tally.durations.push(durationMs);
    tally.outcomes.set(outcome, (tally.outcomes.get(outcome) ?? 0) + 1);
    tally.cpuMs += cpuMs ?? 0;
    tally.peakMemoryBytes = mostOf(tally.peakMemoryBytes, peakMemoryBytes);
    tally.stdoutBytes += stdoutBytes ?? 0;
    tally.stderrBytes += stderrBytes ?? 0;
  };
}

export function sumOf(tallies: Iterable<Tally>): Tally {
  const sum = emptyTally();
  for (const tally of tallies) {
    sum.executions += tally.executions;
    sum.errors += tally.errors;
    sum.failures += tally.failures;
    sum.cpuMs += tally.cpuMs;
    sum.peakMemoryBytes = mostOf(sum.peakMemoryBytes, tally.peakMemoryBytes);
    sum.stdoutBytes += tally.stdoutBytes;
    sum.stderrBytes += tally.stderrBytes;
    for (const [outcome, count] of tally.outcomes)
      sum.outcomes.set(outcome, (sum.outcomes.get(outcome) ?? 0) + count);
    for (const duration of tally.durations) sum.durations.push(duration);
  }
  return sum;
}

/** By nearest rank. Null where there are none. */
export function percentilesOf(durations: readonly number[]) {
  if (durations.length === 0) return null;
  const sorted = new Float64Array(durations).sort();
  const at = (percent: number) => sorted[Math.ceil((sorted.length * percent) / 100) - 1] as number;
  return { p50: at(50), p95: at(95), p99: at(99) };
}

function mostOf(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other;
  return Math.max(one, other);
}
