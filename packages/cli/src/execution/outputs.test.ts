import { Writable } from 'node:stream';
import type { ByteStream } from '@sandbox/core';
import { describe, expect, it } from 'vitest';
import { CollectedOutputs, StreamedOutputs } from './outputs.ts';

function source(chunks: readonly (string | Uint8Array)[]) {
  const state = { taken: 0, cancelled: false };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = chunks[state.taken];
        if (chunk === undefined) return controller.close();
        state.taken += 1;
        controller.enqueue(Buffer.from(chunk));
      },
      cancel() {
        state.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  ) as ByteStream;
  return { stream, state };
}

const failing = (code: string) =>
  new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })),
  }).on('error', () => {});

describe('StreamedOutputs', () => {
  it('keeps the two apart, byte for byte', async () => {
    const seen: string[] = [];
    const to = (name: string) =>
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          seen.push(`${name}:${chunk.toString('hex')}`);
          done();
        },
      });
    const outputs = new StreamedOutputs(to('out'), to('err'));
    await Promise.all([
      outputs.stdout(source([Buffer.from([0, 0xff, 0x80])]).stream),
      outputs.stderr(source([Buffer.from([0x0a])]).stream),
    ]);
    expect(seen.sort()).toEqual(['err:0a', 'out:00ff80']);
  });

  it('takes a chunk only when the one before it was written', async () => {
    const writes: (() => void)[] = [];
    const slow = new Writable({ write: (_chunk, _encoding, done) => void writes.push(done) });
    const { stream, state } = source(['a', 'b', 'c']);
    const done = new StreamedOutputs(slow, slow).stdout(stream);
    for (const expected of [1, 2, 3]) {
      await expect.poll(() => writes.length).toBe(expected);
      expect(state.taken).toBe(expected);
      writes.at(-1)?.();
    }
    await done;
  });

  it('lets go of the command’s output when nobody reads ours any more', async () => {
    const { stream, state } = source(['a', 'b', 'c']);
    await new StreamedOutputs(failing('EPIPE'), failing('EPIPE')).stdout(stream);
    expect(state.cancelled).toBe(true);
  });

  it('fails when output cannot be written', async () => {
    const { stream, state } = source(['a', 'b', 'c']);
    const outputs = new StreamedOutputs(failing('ENOSPC'), failing('ENOSPC'));
    await expect(outputs.stdout(stream)).rejects.toThrow('ENOSPC');
    expect(state.cancelled).toBe(true);
  });
});

describe('CollectedOutputs', () => {
  const collect = async (maximum: number, chunks: readonly (string | Uint8Array)[]) => {
    const outputs = new CollectedOutputs(maximum);
    await outputs.stdout(source(chunks).stream);
    const { stdout, stdoutTruncated } = outputs.report();
    return [stdout, stdoutTruncated];
  };
  const euro = Buffer.from('€');

  it.each([
    ['nothing', 8, [], ['', false]],
    ['what fits', 3, ['abc'], ['abc', false]],
    ['what does not', 3, ['ab', 'cd', 'ef'], ['abc', true]],
    ['a character in two chunks', 8, [euro.subarray(0, 1), euro.subarray(1)], ['€', false]],
    ['a character that the cut goes through', 4, ['abc', '€'], ['abc', true]],
    ['a character that never ends', 8, ['abc', euro.subarray(0, 1)], ['abc\ufffd', false]],
    ['invalid bytes', 8, [Buffer.from([0x61, 0xff, 0x62])], ['a\ufffdb', false]],
    ['a byte order mark', 8, ['\ufeffa'], ['\ufeffa', false]],
  ] as const)('%s', async (_name, maximum, chunks, expected) => {
    expect(await collect(maximum, chunks)).toEqual(expected);
  });
});
