import { once } from 'node:events';
import { Parser, type ReadEntry } from 'tar';
import { SandboxError } from '../errors/sandbox-error.ts';

/** The entries one after the other; each must be consumed before the next one comes. */
export async function* entriesOf(archive: AsyncIterable<Uint8Array>): AsyncGenerator<ReadEntry> {
  const waiting: ReadEntry[] = [];
  let wake = (): void => {};
  let failure: { readonly error: unknown } | undefined;
  let ended = false;
  let current: ReadEntry | undefined;
  const parser = new Parser({
    strict: true,
    // A guest's archive is not compressed, and never inflated.
    brotli: false,
    zstd: false,
    onReadEntry: (entry) => {
      entry.on('error', () => {});
      waiting.push(entry);
      wake();
    },
  });
  const fed = feed(parser, archive).then(
    () => {
      ended = true;
      wake();
    },
    (error) => {
      failure = { error };
      // Whoever reads an entry that will never be whole must not wait for the rest.
      current?.destroy(error);
      wake();
    },
  );
  try {
    for (;;) {
      if (failure !== undefined) throw failure.error;
      current = waiting.shift();
      if (current !== undefined) yield current;
      else if (ended) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    if (!ended && failure === undefined) {
      parser.abort(new Error('the entry was refused'));
      parser.emit('drain');
    }
    await fed;
  }
}

async function feed(parser: Parser, archive: AsyncIterable<Uint8Array>): Promise<void> {
  let stopped: unknown;
  parser.on('error', (error: unknown) => {
    stopped = error;
    parser.emit('drain');
  });
  let first = true;
  for await (const chunk of archive) {
    if (first && chunk[0] === 0x1f && chunk[1] === 0x8b) {
      throw new SandboxError('FAILED_PRECONDITION', 'what came is no plain tar archive');
    }
    first = false;
    const more = parser.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    if (stopped === undefined && !more) await once(parser, 'drain');
    if (stopped !== undefined) throw broken(stopped);
  }
  const end = once(parser, 'end');
  end.catch(() => {});
  parser.end();
  if (stopped !== undefined) throw broken(stopped);
  await end;
}

function broken(cause: unknown): SandboxError {
  return new SandboxError('FAILED_PRECONDITION', 'what came is no proper tar archive', {
    cause,
  });
}
