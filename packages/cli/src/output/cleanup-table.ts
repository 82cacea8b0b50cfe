import type { CleanupReport } from '@sandbox/core';
import type { Paint } from './colors.ts';
import { printable } from './printable.ts';
import { table } from './table.ts';

/** What a cleanup did, one line for each sandbox; what it would do, with all that would be kept. */
export function cleanupTable(report: CleanupReport, dryRun: boolean, paint: Paint): string {
  const { removed, kept, failed, reasons } = report;
  const marked = new Set(report.marked);
  const rows = [
    ...removed.map((name) => [
      paint('poor', dryRun ? 'would remove' : 'removed'),
      printable(name),
      printable(reasons[name] ?? ''),
    ]),
    ...kept
      .filter(({ name }) => dryRun || marked.has(name))
      .map(({ name, reason }) => [
        paint(
          'quiet',
          marked.has(name) ? (dryRun ? 'would mark' : 'marked') : dryRun ? 'would keep' : 'kept',
        ),
        printable(name),
        printable(reason),
      ]),
  ];
  if (rows.length > 0) return table(rows);
  if (failed.length > 0) return '';
  return kept.length === 0 ? 'nothing to remove\n' : `nothing to remove; ${kept.length} kept\n`;
}
