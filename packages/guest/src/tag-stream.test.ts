import { createCipheriv } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { TagStream } from './tag-stream.ts';

describe('TagStream', () => {
  it('is the AES-128-CTR key stream, eight bytes at a time', () => {
    const key = Buffer.alloc(16, 7);
    const expected = createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(8 * 1_500));
    const made = new TagStream(key);
    const checked = new TagStream(key);
    for (let n = 0; n < 1_500; n += 1) {
      expect(made.next()).toEqual(expected.subarray(8 * n, 8 * n + 8));
      expect(checked.matches(expected, 8 * n)).toBe(true);
    }
  });

  it('refuses a tag twice, or one that differs in any byte', () => {
    const key = Buffer.alloc(16, 1);
    for (let byte = 0; byte < 8; byte += 1) {
      const tag = Buffer.from(new TagStream(key).next());
      tag[byte] = (tag[byte] as number) ^ 1;
      expect(new TagStream(key).matches(tag, 0)).toBe(false);
    }
    const tags = new TagStream(key);
    const first = Buffer.from(new TagStream(key).next());
    expect([tags.matches(first, 0), tags.matches(first, 0)]).toEqual([true, false]);
  });
});
