import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatBytes, parseBytes } from './bytes.ts';

test.each([
  ['512m', 512 * 2 ** 20],
  ['1.5g', 1.5 * 2 ** 30],
  ['64k', 65_536],
  ['2GiB', 2 ** 31],
  ['2GB', 2 ** 31],
  ['2 G', 2 ** 31],
  ['1t', 2 ** 40],
  ['.5k', 512],
  ['4096', 4096],
  ['100b', 100],
  [' 1m ', 2 ** 20],
  ['0', 0],
  [1234, 1234],
])('%j is %d bytes', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test.each(['lots', '', 'm', '-1m', '1.5', '1e3', '1mm', '1,5g', '0x10', '9999999t', -1, 1.5, Number.NaN])(
  '%j is refused with what was given and what is accepted',
  (given) => {
    expect(() => parseBytes(given, 'memory')).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: `memory: ${JSON.stringify(given)} is not a size`,
        hint: expect.stringContaining('512m, 1.5g, 64k, 2GiB'),
      }),
    );
  },
);

test('what format writes, parse reads back', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseBytes(formatBytes(bytes)) === bytes));
  const round = fc.tuple(
    fc.integer({ min: 1, max: 4000 }),
    fc.constantFrom(2 ** 10, 2 ** 20, 2 ** 30, 2 ** 40),
  );
  fc.assert(
    fc.property(round, ([count, unit]) => parseBytes(formatBytes((count * unit) / 4)) === (count * unit) / 4),
  );
});

test.each([
  [512 * 2 ** 20, '512m'],
  [1.5 * 2 ** 30, '1.5g'],
  [4 * 2 ** 30, '4g'],
  [1000, '1000'],
  [0, '0'],
])('%d bytes are written %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
