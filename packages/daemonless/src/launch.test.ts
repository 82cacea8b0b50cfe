import { expect, test } from 'vitest';
import { launchWords } from './launch.ts';

test('nothing is put into a shell’s text', () => {
  const parts = {
    cgroups: ['/g "1"'],
    binds: [['/a b', '/t'] as const],
  };
  const argv = ['/n; rm', '/c $(x)'];
  const words = launchWords(argv, parts);
  const script = words[words.indexOf('-c') + 1] ?? '';
  expect(script).toBe(launchWords(['x'], { ...parts, cgroups: ['z'] })[words.indexOf('-c') + 1]);
  for (const word of ['/n; rm', '/c $(x)', '/g "1"', '/a b', '/t']) expect(words).toContain(word);
  expect(launchWords(argv, { cgroups: [], binds: [] })[0]).toBe('setpriv');
});
