import { stripVTControlCharacters } from 'node:util';

const width = (cell: string) => [...stripVTControlCharacters(cell)].length;

/** What a directory is called may have been made to look like a row of its own. */
const oneLine = (cell: string) => cell.replaceAll('\n', '\\n').replaceAll('\t', '\\t');

/** Columns as wide as their widest cell, two spaces apart; the last is as long as it is. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  const lines = rows.map((row) => row.map(oneLine));
  for (const row of lines) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, width(cell));
    });
  }
  return lines
    .map((row) => {
      const cells = row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)));
      return `${cells.join('  ').trimEnd()}\n`;
    })
    .join('');
}
