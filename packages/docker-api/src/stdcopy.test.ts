import { PassThrough, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Stdcopy } from './stdcopy.ts';

function frame(stream: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let offset = 0, index = 0; offset < bytes.length; index += 1) {
    const size = sizes.length === 0 ? bytes.length : (sizes[index % sizes.length] ?? 1);
    chunks.push(bytes.subarray(offset, offset + size));
    offset += size;
  }
  return chunks;
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const frames = fc.array(
  fc.record({ stream: fc.constantFrom(1, 2), payload: fc.uint8Array({ maxLength: 600 }) }),
  { maxLength: 40 },
);

describe('Stdcopy', () => {
  it('gives each stream its own bytes, however the network cuts them', async () => {
    await fc.assert(
      fc.asyncProperty(
        frames,
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 }),
        async (list, sizes) => {
          const bytes = Buffer.concat(list.map(({ stream, payload }) => frame(stream, payload)));
          const streams = new Stdcopy(Readable.from(cut(bytes, sizes), { objectMode: false }));
          const [out, err] = await Promise.all([collect(streams.stdout), collect(streams.stderr)]);
          const expected = (stream: number) =>
            Buffer.concat(list.filter((entry) => entry.stream === stream).map(({ payload }) => payload));
          expect(out.equals(expected(1))).toBe(true);
          expect(err.equals(expected(2))).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('stops reading while a reader has enough, and goes on when it wants more', async () => {
    let sent = 0;
    const source = new Readable({
      highWaterMark: 64 * 1024,
      read() {
        sent += 1;
        if (sent > 1000) this.push(null);
        else this.push(frame(1, Buffer.alloc(32 * 1024, sent)));
      },
    });
    const { stdout, stderr } = new Stdcopy(source);
    stderr.resume();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(sent).toBeLessThan(40);
    expect((await collect(stdout)).length).toBe(1000 * 32 * 1024);
  });

  it('reads on when the reader who held it up goes away', async () => {
    const source = Readable.from(
      [frame(2, Buffer.alloc(1024 * 1024)), frame(1, Buffer.from('out')), frame(2, Buffer.alloc(10))],
      { objectMode: false },
    );
    const { stdout, stderr } = new Stdcopy(source);
    setTimeout(() => stderr.destroy(), 20);
    expect(String(await collect(stdout))).toBe('out');
  });

  it('keeps the engine’s own words out of the output', async () => {
    const source = Readable.from([frame(3, Buffer.from('engine')), frame(1, Buffer.from('mine'))]);
    const streams = new Stdcopy(source);
    streams.stderr.resume();
    expect(String(await collect(streams.stdout))).toBe('mine');
    expect(streams.engineMessage).toBe('engine');
  });

  it('gives up on what is no stream of frames', async () => {
    const source = new PassThrough();
    new Stdcopy(source);
    source.write('HTTP/1.1 500 oh no');
    await expect(finished(source)).rejects.toThrow(/not a stream of frames/);
  });

  it('ends where an engine that has given the process up sends what it had in its buffer', async () => {
    const word = 'Error: write unixpacket @->/proc/self/fd/13/attach: write: connection reset by peer\n';
    for (const order of [
      [frame(2, Buffer.from(word)), frame(1, Buffer.from('done\n'))],
      [frame(1, Buffer.from('done\n')), frame(2, Buffer.from(word))],
    ]) {
      const source = Readable.from([...order, Buffer.from(word.slice(-60))], { objectMode: false });
      const { stdout, stderr } = new Stdcopy(source);
      expect((await Promise.all([collect(stdout), collect(stderr)])).map(String)).toEqual(['done\n', word]);
    }
  });

  it('ends when the connection is cut in the middle of a frame', async () => {
    const source = new PassThrough();
    const { stdout, stderr } = new Stdcopy(source);
    source.write(frame(1, Buffer.from('whole')).subarray(0, 10));
    setTimeout(() => source.destroy(), 10);
    stderr.resume();
    expect(String(await collect(stdout))).toBe('wh');
  });
});
