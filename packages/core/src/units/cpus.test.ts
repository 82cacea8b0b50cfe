import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCpus } from './cpus.ts';

test.each([
  ['2', 2],
  ['1.5', 1.5],
  ['.25', 0.25],
  [0.5, 0.5],
])('%j is %d processors', (text, cpus) => {
  expect(parseCpus(text)).toBe(cpus);
});

test.each(['', 'two', '0', '-1', '1,5', '2x', 0, -1, Number.NaN, Number.POSITIVE_INFINITY])(
  '%j is refused',
  (given) => {
    expect(() => parseCpus(given)).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining(JSON.stringify(given)),
      }),
    );
  },
);

test('reads back what JavaScript writes', () => {
  const cpus = fc.double({ min: 0.01, max: 4096, noNaN: true });
  fc.assert(fc.property(cpus, (value) => parseCpus(String(value)) === value));
});
