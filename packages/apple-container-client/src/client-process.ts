import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import type { RawProcess } from '@sandbox/core';
import { childRawProcess } from '@sandbox/daemonless';

/** What the program also says for itself: it could not start the process, or lost it. */
const AMBIGUOUS = [1, 255];

/** A process in a guest, over the client that holds its streams. */
export interface ClientProcess extends RawProcess {
  /** Settles when the client has ended. */
  readonly exited: Promise<number | null>;
  /** Settles with the first byte on stdout. */
  readonly spoke: Promise<unknown>;
  /** The first of what came on stderr, also while nobody has read it. */
  readonly said: () => string;
}

/** The client's exit code is told only where it can be nothing but the process's own. */
export function clientProcess(child: ChildProcessWithoutNullStreams): ClientProcess {
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (said.length < 4096) said += chunk.toString();
  });
  const exited = new Promise<number | null>((resolve) => {
    child.on('exit', resolve);
    child.on('error', (error) => {
      said += `Error: ${error.message}`;
      resolve(null);
    });
  });
  const ended = exited.then((exitCode) => ({
    exitCode: exitCode !== null && AMBIGUOUS.includes(exitCode) ? null : exitCode,
  }));
  const spoke = new Promise((resolve) => child.stdout.once('data', resolve));
  return { ...childRawProcess(child, ended), exited, spoke, said: () => said };
}
