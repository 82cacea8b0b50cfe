import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

test.each([
  ['500ms', 500],
  ['30s', 30_000],
  ['2m', 120_000],
  ['2h', 7_200_000],
  ['7d', 604_800_000],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['0.5s', 500],
  ['30S', 30_000],
  ['0', 0],
  [250, 250],
])('%j is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(['', ' ', 'soon', '-1s', '30', '1s1m', '1 s', '5x', 's', 1.5, -1, Number.POSITIVE_INFINITY])(
  '%j is refused',
  (given) => {
    expect(() => parseDuration(given, 'timeout')).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: `timeout: ${JSON.stringify(given)} is not a duration`,
        hint: expect.stringMatching(/30s/),
      }),
    );
  },
);

test('digits alone could be any unit', () => {
  expect(() => parseDuration('30')).toThrow(expect.objectContaining({ hint: 'Say the unit: 30s or 30ms.' }));
});

test('what format writes, parse reads back', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (ms) => parseDuration(formatDuration(ms)) === ms));
});

test.each([
  [30_000, '30s'],
  [120_000, '2m'],
  [5_400_000, '1h30m'],
  [1500, '1s500ms'],
  [0, '0'],
])('%d ms is written %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
