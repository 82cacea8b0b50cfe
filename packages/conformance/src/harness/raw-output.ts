import type { RawProcess } from '@sandbox/core';

export interface RawOutput {
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: Buffer;
  readonly exitCode: number | null;
}

/** Gives a process its stdin and reads all it has to say, to its end. */
export async function collect(raw: RawProcess, stdin?: string | Uint8Array): Promise<RawOutput> {
  const stdout = bytesOf(raw.stdout);
  const stderr = bytesOf(raw.stderr);
  raw.stdin.on('error', () => undefined);
  raw.stdin.end(stdin);
  const { exitCode } = await raw.wait();
  const bytes = await stdout;
  return { stdout: bytes.toString(), stderr: (await stderr).toString(), stdoutBytes: bytes, exitCode };
}

export async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Reads up to a line's end, and leaves the stream open. */
export function firstLine(stream: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const done = () => {
      stream.off('data', take).off('end', ended).off('error', reject);
    };
    const take = (chunk: Uint8Array) => {
      text += Buffer.from(chunk).toString();
      const end = text.indexOf('\n');
      if (end < 0) return;
      done();
      resolve(text.slice(0, end));
    };
    const ended = () => reject(new Error(`the stream ended before a line did: ${JSON.stringify(text)}`));
    stream.on('data', take).once('end', ended).once('error', reject);
  });
}

/** All 256 values, with the ends of lines and text that is not UTF-8 among them. */
export const everyByte = Buffer.from(Array.from({ length: 256 }, (_unused, value) => value));

/** `printf` arguments that write `everyByte`. */
export const everyByteInOctal = Array.from(
  { length: 256 },
  (_unused, value) => `\\${value.toString(8).padStart(3, '0')}`,
).join('');
