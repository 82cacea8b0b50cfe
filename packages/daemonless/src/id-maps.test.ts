import { expect, test } from 'vitest';
import { mapText, writeIdMaps } from './id-maps.ts';

test('a map is written as the kernel reads it', () => {
  const entries = [
    { inside: 1000, outside: 7, count: 1 },
    { inside: 0, outside: 70_000, count: 1000 },
  ];
  expect(mapText(entries)).toBe('1000 7 1\n0 70000 1000\n');
});

test('a process that is not there is an error that names the file', () => {
  expect(() => writeIdMaps(2 ** 22 + 1, [], [])).toThrow(/uid_map/);
});
