import type { OutputStream } from '../cli-io.ts';
import { printable } from './printable.ts';

/** What may wait for a reader that takes nothing. Lines beyond are dropped: a service does not stand still for its log. */
const MOST_WAITING = 1024 * 1024;

/** Takes lines of JSON to a stream: as they are, or on a terminal as a person reads them. */
export function logWriter(target: OutputStream): (line: string) => void {
  let dropped = 0;
  const send = (line: string) => void target.write(target.isTTY ? readable(line) : line);
  return (line) => {
    if (target.writableLength > MOST_WAITING) {
      dropped += 1;
      return;
    }
    if (dropped > 0) {
      const gap = { level: 'warn', time: new Date().toISOString(), dropped, msg: 'nobody read the log' };
      dropped = 0;
      send(`${JSON.stringify(gap)}\n`);
    }
    send(line);
  };
}

/** `12:30:00 info  request method=GET path=/sandbox status=200`; a stack on lines of its own. */
export function readable(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const at = new Date(String(time)).toTimeString().slice(0, 8);
  const known = Object.entries(fields).filter(([, value]) => value !== null);
  const words = known.map(([name, value]) => `${name}=${typeof value === 'object' ? message(value) : value}`);
  const { stack } = (fields.error ?? fields.err ?? {}) as { readonly stack?: unknown };
  const below = typeof stack === 'string' ? `\n${stack}` : '';
  // A client's path may have been made to look like lines of ours.
  const head = printable([at, String(level).padEnd(5), msg, ...words].join(' ')).replace(/\s/g, ' ');
  return `${head}${printable(below)}\n`;
}

function message(value: unknown): string {
  const { message: text } = value as { readonly message?: unknown };
  return typeof text === 'string' ? JSON.stringify(text) : JSON.stringify(value);
}
