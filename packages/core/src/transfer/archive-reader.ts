import { once } from 'node:events';
import { Parser, type ReadEntry } from 'tar';
import { SandboxError } from '../errors/sandbox-error.ts';

/** How what is compressed begins: the parser would inflate it. */
const GZIP = Buffer.from([0x1f, 0x8b]);

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
  // The parser takes the first bytes together, however they come: so must who looks at them before it.
  let first: Buffer | undefined = Buffer.alloc(0);
  const write = async (bytes: Buffer): Promise<void> => {
    const more = parser.write(bytes);
    if (stopped === undefined && !more) await once(parser, 'drain');
    if (stopped !== undefined) throw broken(stopped);
  };
  for await (const chunk of archive) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    if (first === undefined) {
      await write(bytes);
      continue;
    }
    first = Buffer.concat([first, bytes]);
    if (first.length < GZIP.length) continue;
    if (first.subarray(0, GZIP.length).equals(GZIP)) {
      throw new SandboxError('FAILED_PRECONDITION', 'what came is no plain tar archive');
    }
    await write(first);
    first = undefined;
  }
  if (first !== undefined && first.length > 0) await write(first);
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
