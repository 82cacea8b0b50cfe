import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { finished, PassThrough, type Readable, type Writable } from 'node:stream';
import type { RawProcess } from '@sandbox/core';

/** A child whose stdin, stdout and stderr are pipes. */
export type PipedChild = ChildProcess & {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
};

export interface ChildEnd {
  /** Null where it cannot be told. */
  readonly exitCode: number | null;
  readonly signal?: string | null;
}

/**
 * A child of this program as the contract's process: `wait` settles with `ended` once the streams have ended too, and `destroy` ends it with SIGKILL. `ended` settles when the child is gone, with what is to be told of its end. What `stderr` gives is passed on in
 * place of the child's own, for who has to add to it.
 */
export function childRawProcess(
  child: PipedChild,
  ended: Promise<ChildEnd>,
  stderr: PassThrough = buffered(child.stderr),
): RawProcess {
  const { stdin } = child;
  const stdout = buffered(child.stdout);
  // Who writes to a process that has ended learns it from `wait`.
  stdin.on('error', () => undefined);
  const over = Promise.all([ended, whenEnded(stdout), whenEnded(stderr)]);
  const pipes = [child.stdin, child.stdout, child.stderr] as unknown as Socket[];
  const hold = (verb: 'ref' | 'unref') => {
    child[verb]();
    for (const pipe of pipes) pipe[verb]();
  };
  return {
    stdin,
    stdout,
    stderr,
    wait: () => over.then(([end]) => end),
    ref: () => hold('ref'),
    unref: () => hold('unref'),
    destroy() {
      for (const stream of [...pipes, stdout, stderr]) stream.destroy();
      child.kill('SIGKILL');
    },
  };
}

/** Node throws away what nobody has read yet when a child ends; this keeps it. */
export function buffered(stream: Readable): PassThrough {
  const output = new PassThrough();
  stream.on('error', (error) => output.destroy(error));
  return stream.pipe(output);
}

/** Read to its end, or ended with nothing in it that anybody could read. */
function whenEnded(output: PassThrough): Promise<void> {
  return new Promise((resolve) => {
    finished(output, { writable: false }, () => resolve());
    output.once('finish', () => {
      if (output.readableLength === 0) resolve();
    });
  });
}
