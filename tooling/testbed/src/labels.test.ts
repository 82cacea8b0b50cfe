import { expect, test } from 'vitest';
import { carries } from './labels.ts';

test.each([
  [['scope=a'], true],
  [['scope=a', 'managed=true'], true],
  [['scope=a*'], true],
  [['scope=*'], true],
  [['scope=b'], false],
  [['scope=ab*'], false],
  [['scope=a', 'other=x'], false],
  [['scop*'], true],
])('%j: %j', (wanted, expected) => {
  expect(carries({ scope: 'a', managed: 'true' }, wanted)).toBe(expected);
});

test('nothing carries no label', () => {
  expect(carries(null, ['scope=a'])).toBe(false);
});
