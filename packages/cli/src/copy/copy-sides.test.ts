import { describe, expect, it } from 'vitest';
import { UsageError } from '../usage-error.ts';
import { copyRequest, destinationOf, type Place, parseSide } from './copy-sides.ts';

describe('a side of a copy', () => {
  it.each([
    ['sandbox-web-1:/etc/hosts', { sandbox: 'sandbox-web-1', path: '/etc/hosts' }],
    ['box:relative/path', { sandbox: 'box', path: 'relative/path' }],
    ['box:with:colon', { sandbox: 'box', path: 'with:colon' }],
    ['box:line\nend', { sandbox: 'box', path: 'line\nend' }],
    ['box:', { sandbox: 'box', path: '.' }],
    [':/tmp', { sandbox: '', path: '/tmp' }],
    [':', { sandbox: '', path: '.' }],
    ['file', { path: 'file' }],
    ['./box:path', { path: './box:path' }],
    ['dir/box:path', { path: 'dir/box:path' }],
    ['/box:path', { path: '/box:path' }],
    ['no name:path', { path: 'no name:path' }],
    [`${'n'.repeat(64)}:path`, { path: `${'n'.repeat(64)}:path` }],
  ])('%j', (text, expected) => {
    expect(parseSide(text)).toEqual(expected);
  });
});

describe('a copy', () => {
  it('goes in or out', () => {
    expect(copyRequest('a', 'box:b')).toEqual({ direction: 'in', sandbox: 'box', from: 'a', to: 'b' });
    expect(copyRequest(':a', 'b')).toEqual({ direction: 'out', sandbox: '', from: 'a', to: 'b' });
  });

  it.each([
    ['a', 'b', 'neither side'],
    ['x:a', 'y:b', 'both sides'],
    ['x:a', ':b', 'both sides'],
    ['', ':b', 'empty'],
    [':a', '', 'empty'],
  ])('of %j to %j is wrong usage', (source, target, message) => {
    expect(() => copyRequest(source, target)).toThrow(UsageError);
    expect(() => copyRequest(source, target)).toThrow(message);
  });
});

describe('the destination', () => {
  const rows: readonly (readonly [from: string, to: string, there: Place, expected: string])[] = [
    ['a', 'b', 'nothing', 'b'],
    ['a', 'b', 'other', 'b'],
    ['a', 'b', 'directory', 'b/a'],
    ['a', 'b/', 'directory', 'b/a'],
    ['a', 'b/', 'nothing', 'b/a'],
    ['x/a', '.', 'directory', './a'],
    ['x/a/', 'b', 'directory', 'b/a'],
    ['x/a/', 'b', 'nothing', 'b'],
    ['x/../a', 'b', 'directory', 'b/a'],
    ['/a', '/', 'directory', '/a'],
    // The contents: nothing has the name `.`, and nothing may be written above.
    ['a/.', 'b', 'directory', 'b'],
    ['.', 'b', 'directory', 'b'],
    ['./', 'b', 'directory', 'b'],
    ['..', 'b', 'directory', 'b'],
    ['a/../..', 'b', 'directory', 'b'],
    ['/', 'b', 'directory', 'b'],
    ['//', 'b/', 'directory', 'b/'],
    // Only what is a dot by itself.
    ['a.', 'b', 'directory', 'b/a.'],
    ['..a', 'b', 'directory', 'b/..a'],
    ['.bashrc', 'b', 'directory', 'b/.bashrc'],
  ];
  it.each(rows)('of %j to %j, where there is %s, is %j', (from, to, there, expected) => {
    expect(destinationOf(from, to, there)).toBe(expected);
  });
});
