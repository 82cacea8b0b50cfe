import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { OutputStream } from '../cli-io.ts';
import { logWriter, readable } from './log-writer.ts';

const line = (fields: object) =>
  `${JSON.stringify({ level: 'info', time: '2026-03-01T12:30:00.000Z', ...fields, msg: 'request' })}\n`;

describe('a log', () => {
  it('is for a person on a terminal', () => {
    expect(readable(line({ method: 'GET', status: 200, user: null }))).toMatch(
      /^\d\d:\d\d:00 info {2}request method=GET status=200\n$/,
    );
    const error = { type: 'Error', message: 'no\ngood', stack: 'Error: no\n    at x' };
    expect(readable(line({ error }))).toMatch(/ error="no\\ngood"\nError: no\n {4}at x\n$/);
  });

  it('cannot move the cursor, whatever a client sends', () => {
    expect(readable(line({ path: '/\u001b[2J\u009b' }))).toContain('path=/\\x1b[2J\\x9b');
    expect(readable(line({ path: '/\n12:00:00 info  forged' })).split('\n')).toHaveLength(2);
  });

  it('is as it is elsewhere, and does not pile up while nobody reads it', async () => {
    const chunks: string[] = [];
    const taken: (() => void)[] = [];
    const target = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk.toString());
        taken.push(done);
      },
    }) as OutputStream;
    const write = logWriter(target);
    const long = line({ path: 'x'.repeat(1_000) });
    for (let each = 0; each < 5_000; each += 1) write(long);
    expect(target.writableLength).toBeLessThan(1.1 * 1024 * 1024);
    while (target.writableLength > 0) {
      taken.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    write(long);
    taken.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(chunks[0]).toBe(long);
    expect(chunks.at(-1)).toBe(long);
    const { dropped } = JSON.parse(chunks.at(-2) ?? '');
    expect(dropped + chunks.length - 1).toBe(5_001);
  });
});
