import type { Enforcement, EnforcementReport } from '@sandbox/core';
import type { Paint, Style } from './colors.ts';
import { printable } from './printable.ts';
import { bytes } from './quantities.ts';
import { table } from './table.ts';

const plain: Paint = (_style, text) => text;

export const SUPPORT_STYLES = {
  enforced: 'good',
  limited: 'poor',
  unsupported: 'bad',
} as const satisfies Record<Enforcement['status'], Style>;

const SIZES = new Set(['memory', 'file-size', 'disk', 'tmpfs-size']);

function value(control: string, raw: Enforcement['requested']): string {
  if (raw === null) return '-';
  return typeof raw === 'number' && SIZES.has(control) ? bytes(raw) : String(raw);
}

/** One row for each control: what was asked for, what holds, and by what means. */
export function enforcementTable(report: EnforcementReport, paint: Paint = plain): string {
  const rows = Object.entries(report).map(([control, row]) => [
    control,
    value(control, row.requested),
    value(control, row.effective),
    paint(SUPPORT_STYLES[row.status], row.status),
    row.source,
    printable(row.how),
  ]);
  const heading = ['CONTROL', 'REQUESTED', 'EFFECTIVE', 'STATUS', 'ASKED BY', 'HOW'];
  return rows.length === 0 ? '' : table([heading.map((cell) => paint('heading', cell)), ...rows]);
}
