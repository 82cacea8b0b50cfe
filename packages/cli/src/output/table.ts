import { stripVTControlCharacters } from 'node:util';

const width = (cell: string) => [...stripVTControlCharacters(cell)].length;

/** Columns as wide as their widest cell, two spaces apart; the last is as long as it is. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, width(cell));
    });
  }
  return rows
    .map((row) => {
      const cells = row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)));
      return `${cells.join('  ').trimEnd()}\n`;
    })
    .join('');
}
