import { spawnSync } from 'node:child_process';
import type { Command } from '@sandbox/core';
import type { CliIo } from '../cli-io.ts';

const DEFAULT_SIZE = { rows: 24, columns: 80 };

/** The size of the terminal that we are shown on, or that of the VT100 where there is none. */
export function terminalSize(io: CliIo): { rows: number; columns: number } {
  const { rows, columns } = io.stdout;
  return rows && columns ? { rows, columns } : DEFAULT_SIZE;
}

/**
 * Hands our terminal over to the command's: keys go through as they are typed, Ctrl-C included, and a new size is passed on. The
 * terminal is given back when this is disposed of, and also when the process ends in any other way that it notices.
 */
export function handOverTerminal(io: CliIo, command: Command): Disposable {
  const { stdin, stdout, signals } = io;
  const raw = stdin.isTTY === true && stdin.setRawMode !== undefined;
  const setRaw = (on: boolean) => {
    // A terminal that has gone can't be set, and need not be.
    try {
      if (raw) stdin.setRawMode?.(on);
    } catch {}
    if (raw && on) passOutputOn(stdin.fd);
  };
  const restore = () => setRaw(false);
  const resize = () => void command.resize(terminalSize(io)).catch(() => {});
  // After a stop and `fg` the shell has left the terminal as it likes it, and may have been resized.
  const resume = () => {
    // Node believes that it is set already.
    setRaw(false);
    setRaw(true);
    resize();
  };

  setRaw(true);
  process.on('exit', restore);
  stdout.on('resize', resize);
  signals.on('SIGCONT', resume);
  return {
    [Symbol.dispose]() {
      restore();
      process.off('exit', restore);
      stdout.off('resize', resize);
      signals.off('SIGCONT', resume);
    },
  };
}

/**
 * What comes from the command's terminal has its line ends already. Node's raw mode makes a carriage return of each once more, which moves the cursor of programs that
 * go down by a line feed alone. Its normal mode takes this back as well.
 */
function passOutputOn(fd: number | undefined): void {
  if (fd !== undefined) spawnSync('stty', ['-opost'], { stdio: [fd, 'ignore', 'ignore'], timeout: 1000 });
}
