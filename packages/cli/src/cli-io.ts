import type { Readable, Writable } from 'node:stream';
import { UsageError } from './usage-error.ts';

/** Signals that end a run, as `process` delivers them. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
}

export type InputStream = Readable & {
  isTTY?: boolean;
  isRaw?: boolean;
  fd?: number;
  setRawMode?(raw: boolean): unknown;
};
export type OutputStream = Writable & { isTTY?: boolean; columns?: number; rows?: number };

/** The program's surroundings. Everything that a command reads or writes goes through here, so that tests can stand in. */
export interface CliIo {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths on the command line start here. */
  readonly cwd: string;
  readonly signals: SignalSource;
}

/** The real ones where nothing else is given. stdin is opened when a command first asks for it: opening it takes time. */
export function completeIo(given: Partial<CliIo>): CliIo {
  return {
    get stdin() {
      return given.stdin ?? process.stdin;
    },
    stdout: given.stdout ?? process.stdout,
    stderr: given.stderr ?? process.stderr,
    env: given.env ?? process.env,
    // Asked for when it is needed: help and version are there for those whose directory has been removed.
    get cwd() {
      return given.cwd ?? workingDirectory();
    },
    signals: given.signals ?? process,
  };
}

function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    throw new UsageError(
      'the directory here is not there any more',
      'Go to another one: cd.',
      'FAILED_PRECONDITION',
    );
  }
}

/** Nobody reads what we print any more (`| head -1`), or the terminal has gone. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone';
}

const GONE = new Set(['EPIPE', 'EIO', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END']);

/** Resolves once the bytes are with the operating system. Rejects with `ReaderGone`, or with the stream's own error. */
export function write(target: Writable, chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    target.write(chunk, (error) => {
      if (!error) resolve();
      else if (GONE.has((error as NodeJS.ErrnoException).code ?? '')) reject(new ReaderGone(error.message));
      else reject(error);
    });
  });
}

/** For what comes last: that nobody reads it any more changes nothing of what was done, nor of the exit code that tells of it. */
export async function tell(target: Writable, text: string): Promise<void> {
  await write(target, text).catch((error) => {
    if (!(error instanceof ReaderGone)) throw error;
  });
}
