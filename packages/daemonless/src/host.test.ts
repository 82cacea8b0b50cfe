import { expect, test } from 'vitest';
import { parseHardLimits } from './host.ts';

test('hard limits are read, and unlimited is no number', () => {
  const text =
    'Max file size             unlimited            unlimited            bytes\nMax open files            1024                 20000                files\n';
  expect(parseHardLimits(text)).toEqual({ openFiles: 20_000, fileSizeBytes: Number.POSITIVE_INFINITY });
});
