import { describe, expect, it, vi } from 'vitest';
import { OutputCollector } from './output-collector.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const nothing = (): void => {};

function collector(maximum: number, onChunk?: (chunk: Uint8Array) => void | Promise<void>) {
  const onLimit = vi.fn();
  const onError = vi.fn();
  return Object.assign(new OutputCollector({ maximum, onChunk, onLimit, onError }), { onLimit, onError });
}

describe('OutputCollector', () => {
  it.each([
    ['one below the limit', 9, false],
    ['at the limit', 10, false],
    ['one above the limit', 11, true],
  ])('%s: truncated is %s', (_what, length, truncated) => {
    const output = collector(10);
    output.push(bytes('x'.repeat(length)), nothing);
    expect(output.truncated).toBe(truncated);
    expect(output.onLimit).toHaveBeenCalledTimes(truncated ? 1 : 0);
    expect(output.length).toBe(length);
    expect(output.bytes().length).toBe(Math.min(length, 10));
  });

  it('keeps the same bytes however they were cut', () => {
    const text = 'grüße 😀 €'.repeat(100);
    const all = bytes(text);
    for (const size of [1, 2, 3, 7, 4096]) {
      const output = collector(1_000_000);
      for (let at = 0; at < all.length; at += size) output.push(all.subarray(at, at + size), nothing);
      expect(output.text()).toBe(text);
    }
  });

  it('leaves out a character that the limit cuts through', () => {
    for (const [maximum, text] of [
      [5, 'ab'],
      [6, 'ab😀'],
      [7, 'ab😀'],
    ] as const) {
      const output = collector(maximum);
      output.push(bytes('ab😀€'), nothing);
      expect(output.text()).toBe(text);
      expect(output.bytes().length).toBe(maximum);
    }
  });

  it('replaces what is not valid, also at the very end', () => {
    const output = collector(100);
    output.push(new Uint8Array([0x61, 0xff, 0x62, 0xe2, 0x82]), nothing);
    expect(output.text()).toBe('a\ufffdb\ufffd');
  });

  it('keeps nothing with a limit of 0, and counts', () => {
    const output = collector(0);
    output.push(bytes('abc'), nothing);
    expect([output.text(), output.length, output.truncated]).toEqual(['', 3, true]);
  });

  it('copies what it keeps, and releases at once', () => {
    const chunk = bytes('abc');
    const release = vi.fn();
    const output = collector(10);
    output.push(chunk, release);
    chunk.fill(0);
    expect(output.text()).toBe('abc');
    expect(release).toHaveBeenCalledOnce();
  });

  it('holds the stream up while a promise of the callback is open', async () => {
    const gate = Promise.withResolvers<void>();
    const seen: string[] = [];
    const output = collector(100, (chunk) => {
      seen.push(new TextDecoder().decode(chunk));
      return seen.length === 1 ? gate.promise : undefined;
    });
    const releases = [vi.fn(), vi.fn(), vi.fn()] as const;
    for (const [index, release] of releases.entries()) output.push(bytes(String(index)), release);
    expect(releases.map((release) => release.mock.calls.length)).toEqual([0, 0, 0]);
    expect(seen).toEqual(['0']);
    gate.resolve();
    await output.drained();
    expect(seen.join('')).toBe('012');
    for (const release of releases) expect(release).toHaveBeenCalled();
    expect(output.drained()).toBeUndefined();
  });

  it('takes the value of an arrow function for nothing special', () => {
    const seen: Uint8Array[] = [];
    const release = vi.fn();
    const output = collector(10, (chunk) => seen.push(chunk) as never);
    output.push(bytes('a'), release);
    expect(release).toHaveBeenCalledOnce();
    expect(output.drained()).toBeUndefined();
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('mine');
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('mine');
      },
    ],
  ] as const)('reports a callback that %s, once, and calls it no more', async (_what, callback) => {
    const calls = vi.fn(callback);
    const output = collector(10, calls);
    const release = vi.fn();
    output.push(bytes('a'), release);
    output.push(bytes('b'), release);
    await output.drained();
    output.push(bytes('c'), release);
    expect(calls).toHaveBeenCalledOnce();
    expect(output.onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ message: 'mine' }));
    expect(release).toHaveBeenCalledTimes(3);
    expect(output.text()).toBe('abc');
  });

  it('lets go of a callback that never returns', async () => {
    const output = collector(10, () => new Promise<void>(() => {}));
    const release = vi.fn();
    output.push(bytes('a'), release);
    const drained = output.drained();
    output.abandon();
    await drained;
    expect(release).toHaveBeenCalled();
  });
});
