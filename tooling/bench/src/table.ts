import { type Goal, type Row, reached, type Unit } from './figure.ts';

const HEAD = ['figure', 'unit', 'ours', 'p95', 'reference', 'p95', 'ratio', 'must be', '', 'compared with'];

export function formatTable(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const left = new Set([0, 1, 7, 8, 9]);
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          left.has(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cellsOf(row: Row): string[] {
  const verdict = reached(row);
  return [
    row.name,
    row.unit,
    number(row.ours, row.unit),
    row.oursP95 === undefined ? '' : number(row.oursP95, row.unit),
    number(row.reference, row.unit),
    row.referenceP95 === undefined ? '' : number(row.referenceP95, row.unit),
    row.ratio.toPrecision(3),
    goalText(row.goal),
    verdict === undefined ? '' : verdict ? 'ok' : 'MISSED',
    row.referenceName,
  ];
}

function number(value: number, unit: Unit): string {
  return unit === 'ms' ? value.toFixed(value < 10 ? 3 : 1) : value.toFixed(unit === 'MB' ? 1 : 0);
}

function goalText(goal: Goal | undefined): string {
  if (goal === undefined) return '';
  return 'atMost' in goal ? `<= ${goal.atMost}` : `>= ${goal.atLeast}`;
}
