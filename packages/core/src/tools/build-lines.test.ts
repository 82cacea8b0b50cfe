import { describe, expect, it } from 'vitest';
import { BuildLines } from './build-lines.ts';

const reasonOf = (...messages: readonly string[]) => {
  const lines = new BuildLines();
  for (const message of messages) lines.take({ message });
  return lines.reason;
};

describe('what a build says against itself', () => {
  it.each([
    ['in one line', ['Reading package lists...', 'E: Unable to locate package a']],
    ['in pieces, as apt writes it', ['E', ': ', 'Unable to locate package a']],
    ['in pieces whose ends were cut off', ['E', ':', 'Unable to locate package a']],
    ['in two pieces', ['E: ', 'Unable to locate package a']],
    ['in the line after, as dnf does', ['Error: \n Unable to locate package a']],
    ['with a step and a time before it', ['#7 1.5 E: Unable to locate package a']],
    ['with a step and a time, in pieces', ['#7 1.5 E', ':', 'Unable to locate package a']],
    ['in colour', ['\u001b[31mERROR:\u001b[0m Unable to locate package a']],
    ['first', ['E: Unable to locate package a', 'E: and another']],
  ])('%s', (_, messages) => {
    expect(reasonOf(...messages)).toBe('Unable to locate package a');
  });

  it.each([
    ['nothing', ['Reading package lists...']],
    ['a word that begins alike', ['E', 'verything is fine', 'Errors: none']],
    ['one that was never ended', ['E:']],
  ])('not %s', (_, messages) => {
    expect(reasonOf(...messages)).toBeUndefined();
  });

  it('is no longer than can be read', () => {
    expect(reasonOf(`E: ${'x'.repeat(10_000)}`)).toHaveLength(200);
  });
});
