import type { OutputStream } from '../cli-io.ts';

interface WithHandle {
  // Not documented, and as it is since Node's first days; where it is missing, a terminal blocks as it always does.
  readonly _handle?: { setBlocking?(blocking: boolean): void } | null;
}

/**
 * Node writes to terminals synchronously: while one takes nothing (Ctrl-S, a stalled ssh) the whole process stands still, heartbeats
 * included, and after a minute the sandbox takes its host for dead. Until disposed of, these streams wait as others do.
 */
export function unblocked(...streams: readonly OutputStream[]): Disposable {
  const setBlocking = (blocking: boolean) => {
    for (const stream of streams) if (stream.isTTY) (stream as WithHandle)._handle?.setBlocking?.(blocking);
  };
  setBlocking(false);
  return { [Symbol.dispose]: () => setBlocking(true) };
}
