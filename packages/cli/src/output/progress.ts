import type { ImageProgress } from '@sandbox/core';
import type { OutputStream } from '../cli-io.ts';
import { printable } from './printable.ts';
import { bytes } from './quantities.ts';

const BAR = 24;
const REDRAW_MS = 80;

export interface ProgressDisplay {
  show(progress: ImageProgress): void;
  /** Takes the bar off the screen. Idempotent. */
  clear(): void;
}

/** One line: a bar when the whole is known, else what is being done. */
export function progressLine(progress: ImageProgress, columns: number): string {
  const { current, total } = progress;
  const message = printable(progress.message).replace(/\s+/g, ' ');
  if (current === undefined || total === undefined || total <= 0) return message.slice(0, columns);
  const share = Math.min(1, current / total);
  const full = Math.round(share * BAR);
  // Small totals are steps of a build, not bytes.
  const count = total < 1_000 ? `${current}/${total}` : `${bytes(current)} of ${bytes(total)}`;
  const bar = `${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${String(Math.floor(share * 100)).padStart(3)} %  ${count}`;
  return `${bar}  ${message}`.slice(0, columns);
}

/**
 * On a terminal a bar that redraws itself and vanishes. Elsewhere `plain` decides: one line for each message but details, the first time it comes, or nothing at all.
 */
export function progressDisplay(stream: OutputStream, plain: 'lines' | 'nothing'): ProgressDisplay {
  let drawn = false;
  const printed = new Set<string>();
  let lastAt = 0;
  const draw = (progress: ImageProgress) => {
    const now = Date.now();
    if (now - lastAt < REDRAW_MS) return;
    lastAt = now;
    stream.write(`\r\u001b[2K${progressLine(progress, (stream.columns ?? 80) - 1)}`);
    drawn = true;
  };
  const print = (progress: ImageProgress) => {
    if (plain === 'nothing' || progress.detail || printed.has(progress.message)) return;
    printed.add(progress.message);
    stream.write(`${printable(progress.message)}\n`);
  };
  return {
    show: stream.isTTY ? draw : print,
    clear() {
      if (drawn) stream.write('\r\u001b[2K');
      drawn = false;
    },
  };
}
