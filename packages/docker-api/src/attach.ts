import { readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { type Duplex, finished, type Readable, Writable } from 'node:stream';
import type { RawProcess } from '@sandbox/core';
import { Stdcopy } from './stdcopy.ts';

/** How long after the end of the streams an engine may take to tell the exit code. */
export const EXIT_CODE_WAIT_MS = 10_000;

/**
 * A raw process over the hijacked connection of an attach or exec. `exitCode` is asked once the streams have ended; it settles with null
 * where the engine lost the code.
 */
export function rawProcess(
  socket: Duplex,
  exitCode: () => Promise<number | null>,
  mapError: (error: unknown) => Error,
): RawProcess {
  const streams = new Stdcopy(socket);
  // Of such a socket, all that was sent can be read, however the other end closed it.
  const isLocal = (socket as Socket).remoteAddress === undefined;
  let isOver = false;
  const stdin = inputOf(socket, () => {
    isOver = isLocal && readRest(socket, (chunk) => streams.take(chunk));
  });
  const lifeline = new Lifeline(socket);
  const closed = Promise.withResolvers<void>();

  socket.on('error', (error: NodeJS.ErrnoException) => {
    // So the end reads when the process has left some of its stdin unread.
    if (isOver || (isLocal && error.code === 'ECONNRESET' && error.syscall === 'read')) streams.end();
    else streams.destroy(mapError(error));
    stdin.destroy();
  });
  socket.once('close', () => stdin.destroy());
  const open = new Set([streams.stdout, streams.stderr]);
  const close = (output: Readable) => {
    open.delete(output);
    if (open.size === 0) closed.resolve();
  };
  for (const output of open) finished(output, () => close(output));
  // A stream that nobody reads, and that has nothing to read, has ended as well.
  streams.onEnd = () => {
    for (const output of open) if (output.readableLength === 0) close(output);
  };

  const ended = closed.promise.then(async () => ({ exitCode: await lifeline.hold(exitCode()) }));
  return {
    stdin,
    stdout: streams.stdout,
    stderr: streams.stderr,
    wait: () => ended,
    ref: () => lifeline.ref(),
    unref: () => lifeline.unref(),
    destroy: () => {
      socket.destroy();
      streams.destroy();
    },
  };
}

/** The sending half alone: its end half-closes the connection, so that the process sees the end of its stdin while its output goes on. */
function inputOf(socket: Duplex, onWriteError: () => void): Writable {
  const written = (done: (error?: Error | null) => void) => (error?: Error | null) => {
    if (error) onWriteError();
    done(error);
  };
  const input = new Writable({
    highWaterMark: 256 * 1024,
    write: (chunk: Buffer, _encoding, done) => void socket.write(chunk, written(done)),
    writev: (chunks, done) => {
      socket.cork();
      chunks.forEach(({ chunk }, index) => {
        if (index === chunks.length - 1) socket.write(chunk, written(done));
        else socket.write(chunk);
      });
      socket.uncork();
    },
    final: (done) => void socket.end(done),
  });
  return input.on('error', () => {});
}

/** When a write fails because the other end has closed, what that said before is still to be read, and Node is about to drop it. Whether that was all. */
function readRest(socket: Duplex, take: (chunk: Buffer) => void): boolean {
  const fd = (socket as { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
  if (fd < 0) return false;
  // What Node has read already comes as 'data'.
  while (socket.read() !== null);
  const buffer = Buffer.allocUnsafe(64 * 1024);
  try {
    for (let size = readSync(fd, buffer); size > 0; size = readSync(fd, buffer)) {
      take(Buffer.from(buffer.subarray(0, size)));
    }
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNRESET';
  }
}

/** Whether the process keeps Node alive: through its connection while that is open, through a timer while its exit code is awaited. */
class Lifeline {
  readonly #socket: Duplex & { ref?(): unknown; unref?(): unknown };
  #timer: NodeJS.Timeout | undefined;
  #held = true;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  ref(): void {
    this.#held = true;
    this.#socket.ref?.();
    this.#timer?.ref();
  }

  unref(): void {
    this.#held = false;
    this.#socket.unref?.();
    this.#timer?.unref();
  }

  async hold(code: Promise<number | null>): Promise<number | null> {
    const late = new Promise<null>((resolve) => {
      this.#timer = setTimeout(() => resolve(null), EXIT_CODE_WAIT_MS);
      if (!this.#held) this.#timer.unref();
    });
    try {
      return await Promise.race([code.catch(() => null), late]);
    } finally {
      clearTimeout(this.#timer);
    }
  }
}
