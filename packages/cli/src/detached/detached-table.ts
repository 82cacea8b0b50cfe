import type { DetachedInfo } from '@sandbox/core';
import type { Paint } from '../output/colors.ts';
import { printable } from '../output/printable.ts';
import { age, bytes } from '../output/quantities.ts';
import { table } from '../output/table.ts';

/** So that a line is mostly one on a terminal. */
const COMMAND_WIDTH = 60;

export function detachedTable(commands: readonly DetachedInfo[], now: Date, paint: Paint): string {
  if (commands.length === 0) return 'no detached commands\n';
  const heading = ['ID', 'STATE', 'STARTED', 'OUTPUT', 'COMMAND'];
  const rows = commands.map((info) => [
    info.id,
    paint(info.state === 'running' ? 'good' : 'quiet', stateOf(info)),
    `${age(info.startedAt, now)}${age(info.startedAt, now) === 'now' ? '' : ' ago'}`,
    bytes(info.stdoutLength + info.stderrLength),
    wordsOf(info),
  ]);
  return table([heading.map((cell) => paint('heading', cell)), ...rows]);
}

/** `running`, or how it ended: `exited 1`, `signaled SIGTERM`, `timed-out`. */
export function stateOf({ result }: DetachedInfo): string {
  if (result === null) return 'running';
  if (result.ending === 'exited') return `exited ${result.exitCode}`;
  if (result.ending === 'signaled') return `signaled ${result.signal}`;
  return result.ending;
}

/** For reading: what has spaces in it is quoted, and nothing of it is meant for a shell. */
function wordsOf({ command, commandTruncated }: DetachedInfo): string {
  const text = command
    .map((word) => printable(word).replace(/\n/g, '\\n').replace(/\t/g, '\\t'))
    .map((word) => (/^[^\s'"]+$/.test(word) ? word : JSON.stringify(word)))
    .join(' ');
  const letters = [...text];
  if (letters.length <= COMMAND_WIDTH && !commandTruncated) return text;
  return `${letters.slice(0, COMMAND_WIDTH - 1).join('')}…`;
}
