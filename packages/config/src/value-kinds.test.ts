import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CEILING_KEYS, type KeyInfo, SANDBOX_KEYS, TOP_KEYS } from './keys.ts';
import { cpus, duration, size, type ValueKind, wholeNumber, written } from './value-kinds.ts';

const all: Readonly<Record<string, KeyInfo>> = { ...CEILING_KEYS, ...SANDBOX_KEYS, ...TOP_KEYS };

test.each(Object.entries(all))(
  '%s: the built-in value is written as it is read',
  (key, { kind, builtIn }) => {
    expect(kind.read(written(kind, builtIn), key)).toEqual(builtIn);
  },
);

/** The part of the schema for editors that is about texts. */
function matches(kind: ValueKind<unknown>, text: string): boolean {
  const { anyOf = [] } = kind.json as { anyOf?: readonly { pattern?: string; const?: string }[] };
  return anyOf.some(
    ({ pattern, const: word }) => text === word || (pattern && new RegExp(pattern).test(text)),
  );
}

function isRead(kind: ValueKind<unknown>, value: unknown): boolean {
  try {
    kind.read(value, 'key');
    return true;
  } catch {
    return false;
  }
}

describe('what editors are told agrees with what is read', () => {
  const amount = fc.oneof(
    fc.nat({ max: 9999 }).map(String),
    fc.constantFrom('0.5', '1.25', '.5', '1.', '', 'x', '-1'),
  );
  const unit = fc.constantFrom(
    '',
    'b',
    'k',
    'M',
    'g',
    'GiB',
    'mb',
    's',
    'm',
    'h',
    'd',
    'ms',
    ' m',
    'q',
    '1s',
  );
  const texts = fc.array(
    fc.tuple(amount, unit).map(([count, of]) => count + of),
    { minLength: 1, maxLength: 2 },
  );

  test.each([
    ['size', size('memoryBytes', 'none'), ['512m', '1.5g', '64 k', '2GiB', 'none']],
    ['time', duration('none'), ['30s', '1h30m', '500ms', '1.5h', 'none']],
  ] as const)('%s', (_, kind, good) => {
    for (const text of good) expect([text, matches(kind, text)]).toEqual([text, true]);
    fc.assert(
      fc.property(texts, (parts) => {
        const text = parts.join('');
        // Whether it is too large or too small, only the reader knows.
        if (isRead(kind, text)) expect([text, matches(kind, text)]).toEqual([text, true]);
      }),
    );
  });
});

test('no limit is a word, where there can be none', () => {
  for (const kind of [size('diskBytes', 'none'), duration('none'), cpus('none')]) {
    expect(kind.read('none', 'key')).toBeNull();
    expect(written(kind, null)).toBe('none');
  }
  for (const kind of [size('memoryBytes'), duration(), cpus(), wholeNumber(1, 2)]) {
    expect(isRead(kind, 'none')).toBe(false);
  }
  expect(wholeNumber(1, 2, 'never').read('never', 'key')).toBeNull();
});

test.each([
  [size('memoryBytes'), '512m', 512 * 2 ** 20],
  [size('memoryBytes'), 2 ** 30, 2 ** 30],
  [duration(), '120s', 120_000],
  [cpus(), '1.5', 1.5],
  [cpus(), 2, 2],
])('%#: %j', (kind, value, expected) => {
  expect(kind.read(value, 'key')).toBe(expected);
});

test.each([true, null, undefined, [], {}, new Date(0), Number.NaN, Number.POSITIVE_INFINITY])(
  'nothing that counts is %s',
  (value) => {
    for (const kind of [size('memoryBytes'), duration(), cpus(), wholeNumber(1, 9)]) {
      expect(isRead(kind, value)).toBe(false);
    }
  },
);

test('a time without a unit is refused, and the hint says how to give it one', () => {
  for (const value of [120, '120']) {
    expect(() => duration().read(value, 'timeout')).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('120s') }),
    );
  }
});
