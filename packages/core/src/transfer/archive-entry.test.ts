import { describe, expect, it } from 'vitest';
import { checkEntry } from './archive-entry.ts';

const file = (path: string, mode = 0o644) => ({ type: 'File' as const, path, mode });
const link = (path: string, linkpath: string) => ({ type: 'SymbolicLink' as const, path, linkpath });
const refusal = expect.objectContaining({ code: 'FAILED_PRECONDITION' });

describe('checkEntry', () => {
  it.each([
    'a',
    './a',
    'a/b',
    './a/./b',
    'a//b',
    '..a',
    'a..',
    '...',
    'a b',
    'ü',
    'dev\\x2ddisk',
    'a\nb',
    '-rf',
  ])('takes the path %s', (path) => {
    expect(checkEntry(file(path)).path).not.toContain('..');
  });

  it('takes a time, and none that is no date', () => {
    const mtime = new Date(0);
    expect(checkEntry({ ...file('a'), mtime })).toMatchObject({ mtime });
    expect(checkEntry({ ...file('a'), mtime: new Date(9e18) })).toMatchObject({ mtime: undefined });
  });

  it.each(['/a', '..', '../a', 'a/..', 'a/../b', 'a/../../b', './../a', '', '.', 'a\0b'])(
    'refuses the path %j',
    (path) => {
      expect(() => checkEntry(file(path))).toThrow(refusal);
    },
  );

  it.each([
    ['a', 'b'],
    ['a', './b/c'],
    ['d/a', '../b'],
    ['d/e/a', '../../b'],
    ['node_modules/.bin/tsc', '../typescript/bin/tsc'],
    ['d/a', '..'],
  ])('takes the link %s to %s', (path, target) => {
    expect(checkEntry(link(path, target))).toMatchObject({ kind: 'link', target });
  });

  it.each([
    ['a', '/etc/passwd'],
    ['a', '..'],
    ['a', '../b'],
    ['d/a', '../../b'],
    ['./d/./a', '../../b'],
    // By what is written it stays inside; but p may be a link to the top.
    ['a', 'p/..'],
    ['a', 'p/../..'],
    ['d/a', '../p/../x'],
    ['a', ''],
    ['a', 'b\0'],
  ])('refuses the link %s to %j', (path, target) => {
    expect(() => checkEntry(link(path, target))).toThrow(refusal);
  });

  it.each(['CharacterDevice', 'BlockDevice', 'FIFO', 'NewContinuousFile', 'SolarisACL'])(
    'refuses a %s',
    (type) => {
      expect(() => checkEntry({ type: type as never, path: 'a' })).toThrow(refusal);
    },
  );

  it('drops set-id and sticky bits, and keeps directories ours', () => {
    expect(checkEntry(file('a', 0o6777))).toMatchObject({ mode: 0o777 });
    expect(checkEntry({ type: 'Directory', path: 'd/', mode: 0o1000 })).toMatchObject({ mode: 0o700 });
  });

  it('checks where a hard link leads', () => {
    expect(checkEntry({ type: 'Link', path: 'a', linkpath: 'd/b' })).toMatchObject({ target: ['d', 'b'] });
    expect(() => checkEntry({ type: 'Link', path: 'a', linkpath: '../b' })).toThrow(refusal);
    expect(() => checkEntry({ type: 'Link', path: 'a', linkpath: '/etc/passwd' })).toThrow(refusal);
  });
});
