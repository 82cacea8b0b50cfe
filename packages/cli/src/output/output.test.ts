import { describe, expect, it } from 'vitest';
import { usesColor } from './colors.ts';
import { printable } from './printable.ts';
import { progressDisplay, progressLine } from './progress.ts';
import { age, bytes, duration } from './quantities.ts';
import { table } from './table.ts';

describe('usesColor', () => {
  const terminal = { isTTY: true };
  it.each([
    [terminal, {}, true],
    [{}, {}, false],
    [terminal, { NO_COLOR: '1' }, false],
    [terminal, { NO_COLOR: '' }, true],
    [terminal, { TERM: 'dumb' }, false],
    [{}, { FORCE_COLOR: '1' }, true],
    [{}, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
    [terminal, { FORCE_COLOR: '0' }, false],
  ])('%j with %j: %s', (stream, env, expected) => {
    expect(usesColor(stream, env)).toBe(expected);
  });
});

describe('table', () => {
  it('makes columns as wide as their widest cell, colours not counted', () => {
    const rows = [
      ['NAME', 'STATE', 'AGE'],
      ['a', '\u001b[32mrunning\u001b[39m', '1 day'],
      ['grün', 'x', ''],
    ];
    expect(table(rows)).toBe('NAME  STATE    AGE\na     \u001b[32mrunning\u001b[39m  1 day\ngrün  x\n');
  });
});

describe('quantities', () => {
  const now = new Date('2030-01-31T12:00:00Z');
  it.each([
    ['2030-01-31T12:00:00Z', 'now'],
    ['2030-01-31T12:00:01Z', 'now'],
    ['2030-01-31T11:59:59Z', '1 second'],
    ['2030-01-31T11:58:01Z', '1 minute'],
    ['2030-01-31T09:59:00Z', '2 hours'],
    ['2030-01-01T11:00:00Z', '30 days'],
  ])('age since %s is %s', (since, expected) => {
    expect(age(new Date(since), now)).toBe(expected);
  });
  it('does not know the age of what has no date', () => {
    expect(age(undefined, now)).toBe('-');
    expect(age(null, now)).toBe('-');
  });
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [512 * 2 ** 20, '512 MiB'],
    [1.5 * 2 ** 30, '1.5 GiB'],
  ])('%i bytes are %s', (count, expected) => {
    expect(bytes(count)).toBe(expected);
  });
  it.each([
    [12.4, '12 ms'],
    [1_234, '1.2 s'],
    [120_000, '2 min'],
  ])('%d milliseconds are %s', (ms, expected) => {
    expect(duration(ms)).toBe(expected);
  });
});

describe('printable', () => {
  it('shows what would act on the terminal', () => {
    expect(printable('a\u001b[2Jb\u0007\rc\u202ed')).toBe('a\\x1b[2Jb\\x07\\x0dc\\u202ed');
    expect(printable('grün 日本\n\tüber')).toBe('grün 日本\n\tüber');
  });
});

describe('progress', () => {
  const written = (isTTY: boolean, plain: 'lines' | 'nothing') => {
    let text = '';
    const write = (chunk: string) => {
      text += chunk;
    };
    const stream = { isTTY, columns: 60, write };
    const display = progressDisplay(stream as never, plain);
    display.show({ message: 'pulling debian', current: 50, total: 200 });
    display.show({ message: 'layer 1' });
    display.show({ message: 'pulling debian', current: 100, total: 200 });
    display.clear();
    display.clear();
    return text;
  };
  it('draws a bar that fits the terminal', () => {
    expect(progressLine({ message: 'pulling', current: 5, total: 10 }, 80)).toMatch(
      /^█{12}░{12} {2}50 % {2}5\/10 {2}pulling$/,
    );
    expect(progressLine({ message: 'pulling', current: 2 ** 20, total: 2 ** 21 }, 80)).toContain(
      '1 MiB of 2 MiB',
    );
    expect(progressLine({ message: 'x'.repeat(100) }, 20)).toHaveLength(20);
    expect(progressLine({ message: 'two\nlines' }, 20)).toBe('two lines');
  });
  it('takes the bar off the screen in the end', () => {
    const clear = '\r\u001b[2K';
    const text = written(true, 'lines');
    expect(text.startsWith(`${clear}█`)).toBe(true);
    expect(text.endsWith(clear)).toBe(true);
  });
  it('prints each message once where there is no terminal', () => {
    expect(written(false, 'lines')).toBe('pulling debian\nlayer 1\n');
    expect(written(false, 'nothing')).toBe('');
  });
});

describe('a table', () => {
  it('has a line for each row, whatever a directory is called', () => {
    expect(
      table([
        ['A', 'B'],
        ['x\ny\tz', 'made\nsandbox-web  docker'],
      ]),
    ).toBe('A        B\nx\\ny\\tz  made\\nsandbox-web  docker\n');
  });
});
