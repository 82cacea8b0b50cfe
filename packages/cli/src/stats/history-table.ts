import type { History, HistoryGroup, HistoryRow } from '@sandbox/core';
import type { Paint } from '../output/colors.ts';
import { printable } from '../output/printable.ts';
import { bytes, duration } from '../output/quantities.ts';
import { table } from '../output/table.ts';

/** A line for each, and the sum where there are several. */
export function historyTable(by: HistoryGroup, { rows, total }: History, paint: Paint): string {
  if (total === null) return 'nothing\n';
  const heading = [
    by.toUpperCase(),
    'RUN',
    'FAILURES',
    'ERRORS',
    'P50',
    'P95',
    'P99',
    'CPU',
    'PEAK MEMORY',
    'OUTPUT',
  ];
  return table([
    heading.map((cell) => paint('heading', cell)),
    // As it was given: it may have been made to look like several lines.
    ...rows.map((row) => [oneLine(row.key ?? '-'), ...figures(row)]),
    ...(rows.length > 1 ? [[paint('heading', 'total'), ...figures(total)]] : []),
  ]);
}

function figures(row: HistoryRow): string[] {
  const { executions, failures, errors, failureRate, errorRate, durationMs, peakMemoryBytes } = row;
  const times =
    durationMs === null ? ['-', '-', '-'] : [durationMs.p50, durationMs.p95, durationMs.p99].map(duration);
  return [
    String(executions),
    share(failures, failureRate),
    share(errors, errorRate),
    ...times,
    duration(row.cpuMs),
    peakMemoryBytes === null ? '-' : bytes(peakMemoryBytes),
    bytes(row.stdoutBytes + row.stderrBytes),
  ];
}

function share(count: number, rate: number): string {
  return count === 0 ? '0' : `${count} (${Number((rate * 100).toFixed(1))} %)`;
}

function oneLine(name: string): string {
  return printable(name).replace(/\s+/g, ' ');
}
