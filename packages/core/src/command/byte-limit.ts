import { SandboxError } from '../errors/sandbox-error.ts';

/** Reads a stream to its end, and no more than so many bytes. */
export async function readLimited(
  stream: ReadableStream<Uint8Array>,
  maximum: number,
  what: string,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream as ReadableStream<Uint8Array> & AsyncIterable<Uint8Array>) {
    length += chunk.length;
    // Leaving the loop cancels the stream.
    if (length > maximum) {
      throw new SandboxError('RESOURCE_EXHAUSTED', `${what} is larger than ${maximum} bytes`, {
        hint: 'Give a larger maxBytes, or read it as a stream.',
      });
    }
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
