import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { InputStream } from '../cli-io.ts';
import { feedStdin } from './feed-stdin.ts';

const input = (stream: Readable) => stream as InputStream;

function target(write: (chunk: Uint8Array) => void | Promise<void> = () => {}) {
  const chunks: Buffer[] = [];
  const closed = Promise.withResolvers<string>();
  const stream = new WritableStream<Uint8Array>({
    async write(chunk) {
      await write(chunk);
      chunks.push(Buffer.from(chunk));
    },
    close: () => closed.resolve(Buffer.concat(chunks).toString('latin1')),
  });
  return { stream, closed: closed.promise };
}

describe('feedStdin', () => {
  it('passes every byte on, and the end', async () => {
    const bytes = Buffer.from(Array.from({ length: 1024 }, (_, index) => index % 256));
    const { stream, closed } = target();
    feedStdin(input(Readable.from([bytes.subarray(0, 100), bytes.subarray(100)])), stream);
    expect(await closed).toBe(bytes.toString('latin1'));
  });

  it('takes no more than the command does', async () => {
    let made = 0;
    const source = new Readable({
      highWaterMark: 1024,
      read() {
        made += 1024;
        this.push(Buffer.alloc(1024));
      },
    });
    const gate = Promise.withResolvers<void>();
    const { stream } = target(() => gate.promise);
    const feed = feedStdin(input(source), stream);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(made).toBeLessThanOrEqual(4 * 1024);
    feed.stop();
    gate.resolve();
  });

  it('goes on quietly when the command reads no more', async () => {
    const source = new PassThrough();
    const stream = new WritableStream<Uint8Array>({ write: () => Promise.reject(new Error('EPIPE')) });
    feedStdin(input(source), stream);
    source.write('unread');
    await new Promise((resolve) => setImmediate(resolve));
    expect(source.isPaused()).toBe(true);
    expect(source.listenerCount('data')).toBe(0);
  });

  it('ends the command’s stdin when ours cannot be read', async () => {
    const source = new PassThrough();
    const { stream, closed } = target();
    feedStdin(input(source), stream);
    source.destroy(new Error('EISDIR'));
    expect(await closed).toBe('');
  });

  it('leaves what comes after its stop unread', async () => {
    const source = new PassThrough();
    const { stream } = target();
    const feed = feedStdin(input(source), stream);
    feed.stop();
    feed.stop();
    source.write('later');
    await new Promise((resolve) => setImmediate(resolve));
    expect(source.readableLength).toBe(5);
  });
});
