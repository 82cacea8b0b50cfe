import { createInterface } from 'node:readline';
import type { CliIo } from './cli-io.ts';
import { printable } from './output/printable.ts';

/** Whether there is somebody to ask. */
export function canAsk({ stdin, stderr }: CliIo): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}

/** Asks on the terminal. Anything but a yes is a no, the end of the input too. */
export async function confirm({ stdin, stderr }: CliIo, question: string): Promise<boolean> {
  // Without readline's own editing: Ctrl-C then ends us, as anywhere else.
  const lines = createInterface({ input: stdin, terminal: false });
  try {
    stderr.write(`${printable(question)} [y/N] `);
    const answer = await new Promise<string>((resolve) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(''));
    });
    return /^\s*y(es)?\s*$/i.test(answer);
  } finally {
    lines.close();
    stdin.pause();
  }
}
