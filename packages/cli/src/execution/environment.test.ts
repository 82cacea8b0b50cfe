import { describe, expect, it } from 'vitest';
import { UsageError } from '../usage-error.ts';
import { parseAssignment, parseEnvFile } from './environment.ts';

const host = { HOME: '/home/me', EMPTY: '' };

describe('parseAssignment', () => {
  it.each([
    ['A=1', ['A', '1']],
    ['A=', ['A', '']],
    ['A=b=c', ['A', 'b=c']],
    ['A= spaced ', ['A', ' spaced ']],
    ['HOME', ['HOME', '/home/me']],
    ['EMPTY', ['EMPTY', '']],
    ['a.b-c=ü', ['a.b-c', 'ü']],
  ] as const)('reads %j', (text, expected) => {
    expect(parseAssignment(text, host, '--env')).toEqual(expected);
  });

  it.each([
    ['=x', 'has no name'],
    ['', 'has no name'],
    ['NOPE', 'NOPE is not set here'],
    ['A B=1', 'white space'],
  ])('refuses %j', (text, message) => {
    expect(() => parseAssignment(text, host, '--env')).toThrow(UsageError);
    expect(() => parseAssignment(text, host, '--env')).toThrow(message);
  });
});

describe('parseEnvFile', () => {
  it('takes lines as they are, and knows comments and empty lines', () => {
    const content =
      '\ufeff# comment\r\nA=1\r\n\r\n  B="quoted" # not a comment\nHOME\n#C=3\nA=2\n__proto__=own';
    expect(Object.entries(parseEnvFile(content, 'f', host))).toEqual([
      ['A', '2'],
      ['B', '"quoted" # not a comment'],
      ['HOME', '/home/me'],
      ['__proto__', 'own'],
    ]);
  });

  it('names file and line of what is wrong', () => {
    expect(() => parseEnvFile('A=1\n=2', 'my.env', host)).toThrow('my.env, line 2');
    expect(() => parseEnvFile('NOPE', 'my.env', host)).toThrow('my.env, line 1: NOPE is not set here');
  });
});
