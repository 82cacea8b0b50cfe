import type { GuestCommand } from '@sandbox/guest';
import { GuestError } from '@sandbox/guest';
import { SandboxError } from '../errors/sandbox-error.ts';
import type { StdinInput } from './types.ts';

/** Input on its way to a command. */
export interface StdinFeed {
  /** Lets go of the caller's stream, read to its end or not. */
  stop(): void;
}

const NOTHING: StdinFeed = { stop() {} };

/** Feeds a command, no faster than it reads. `onError` gets what the caller's stream failed with. */
export function feedStdin(
  command: GuestCommand,
  input: StdinInput,
  onError: (error: unknown) => void,
): StdinFeed {
  if (typeof input === 'string' || input instanceof Uint8Array) {
    if (input.length > 0) command.write(input).catch(ignoreClosed(onError));
    command.end();
    return NOTHING;
  }
  let source: Source;
  try {
    source = sourceOf(input);
  } catch (error) {
    // A stream that somebody else reads: the command runs already, and waits for it.
    onError(error);
    return NOTHING;
  }
  let stopped = false;
  pump(command, source, () => stopped).catch((error) => {
    // The command reads no more, or has ended: that is its right, and the rest of the input is not wanted.
    if (!stopped) ignoreClosed(onError)(error);
    source.cancel();
  });
  return {
    stop() {
      stopped = true;
      source.cancel();
    },
  };
}

/** Refuses what cannot be an input, before the command starts. */
export function checkStdin(input: unknown): void {
  if (input === undefined || typeof input === 'string' || input instanceof Uint8Array) return;
  if (typeof input === 'object' && input !== null && ('getReader' in input || Symbol.asyncIterator in input))
    return;
  throw new SandboxError('INVALID_ARGUMENT', 'stdin is not a string, bytes, a stream or an async iterable', {
    operation: 'exec',
  });
}

interface Source {
  next(): Promise<{ done?: boolean | undefined; value?: Uint8Array | string | undefined }>;
  cancel(): void;
}

async function pump(command: GuestCommand, source: Source, stopped: () => boolean): Promise<void> {
  for (;;) {
    const { done, value } = await source.next();
    if (stopped()) return;
    if (done) return command.end();
    if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
      throw new SandboxError('INVALID_ARGUMENT', 'a chunk of stdin is neither bytes nor a string', {
        operation: 'exec',
      });
    }
    if (value.length > 0) await command.write(value);
  }
}

/** A reader can be cancelled while it waits, which an iterator cannot: so streams are read by one. */
function sourceOf(input: Exclude<StdinInput, string | Uint8Array>): Source {
  if ('getReader' in input) {
    const reader = input.getReader();
    return { next: () => reader.read(), cancel: () => void reader.cancel().catch(() => {}) };
  }
  const iterator = input[Symbol.asyncIterator]();
  return { next: () => iterator.next(), cancel: () => void iterator.return?.().catch(() => {}) };
}

function ignoreClosed(onError: (error: unknown) => void): (error: unknown) => void {
  return (error) => {
    if (!GuestError.isGuestError(error)) onError(error);
  };
}
