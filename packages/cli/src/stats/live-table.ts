import { stripVTControlCharacters } from 'node:util';
import { type OutputStream, write } from '../cli-io.ts';
import type { Paint } from '../output/colors.ts';
import { bytes, duration } from '../output/quantities.ts';
import { table } from '../output/table.ts';
import type { StatsRow } from './sampler.ts';

const known = <T>(value: T | null, text: (value: T) => string): string =>
  value === null ? '-' : text(value);

export function statsTable(rows: readonly StatsRow[], paint: Paint): string {
  if (rows.length === 0) return 'no sandboxes\n';
  const heading = ['NAME', 'RUNTIME', 'STATE', 'CPU', 'MEMORY', 'LIMIT', 'PIDS', 'CPU TIME'];
  const cells = rows.map((row) => [
    row.name,
    row.runtime,
    paint(row.state === 'running' ? 'good' : 'quiet', row.state),
    known(row.cpuPercent, (percent) => `${percent.toFixed(1)} %`),
    known(row.memoryBytes, bytes),
    known(row.memoryLimitBytes, bytes),
    known(row.pids, String),
    known(row.cpuMs, duration),
  ]);
  return table([heading.map((cell) => paint('heading', cell)), ...cells]);
}

/** A text that is drawn over itself again and again, as far as it fits: a line that wraps, or one above the screen, could not be drawn over. */
export class LiveText {
  readonly #stream: OutputStream;
  #lines = 0;

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  async draw(text: string): Promise<void> {
    const { columns = 80, rows = 24 } = this.#stream;
    const all = text.trimEnd().split('\n');
    const room = Math.max(1, rows - 1);
    const shown =
      all.length <= room ? all : [...all.slice(0, room - 1), `… and ${all.length - room + 1} more`];
    const back = this.#lines === 0 ? '' : `\r\u001b[${this.#lines}A\u001b[J`;
    this.#lines = shown.length;
    await write(this.#stream, `${back}${shown.map((line) => `${fitted(line, columns)}\n`).join('')}`);
  }
}

function fitted(line: string, columns: number): string {
  const plain = [...stripVTControlCharacters(line)];
  return plain.length < columns ? line : plain.slice(0, columns - 1).join('');
}
