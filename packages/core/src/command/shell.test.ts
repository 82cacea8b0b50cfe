import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createShell, shellScript } from './shell.ts';
import type { ExecOptions, ExecResult, ShellValue } from './types.ts';

const script = (strings: TemplateStringsArray, ...values: ShellValue[]) => shellScript(strings, values);
const run = (text: string) => execFileSync('sh', ['-c', text], { encoding: 'utf8' });

const HOSTILE = [
  "it's",
  '$(echo injected)',
  '`echo injected`',
  '"; echo injected; "',
  "'; echo injected; '",
  '\\',
  "\\'",
  'a  b',
  '*',
  '~',
  '$HOME',
  '#x',
  '-n',
  'ü€😀',
  'line\nbreak',
  '',
  '!x',
];

describe('shellScript', () => {
  it.each(HOSTILE)('hands over %j as it is, whatever the quotes around it', (value) => {
    expect(run(script`printf '<%s>' ${value}`)).toBe(`<${value}>`);
    expect(run(script`printf '<%s>' "${value}"`)).toBe(`<${value || ''}>`);
    expect(run(script`printf '<%s>' '${value}'`)).toBe(`<${value}>`);
    expect(run(script`printf '<%s>' a${value}b`)).toBe(`<a${value}b>`);
    expect(run(script`x="$(printf '<%s>' ${value})"; printf %s "$x"`)).toBe(`<${value}>`);
    expect(run(script`x="$(printf '<%s>' "${value}")"; printf %s "$x"`)).toBe(`<${value}>`);
    expect(run(script`(printf '<%s>' ${value}) # it's a comment`)).toBe(`<${value}>`);
  });

  it('makes an array several words and an empty one none', () => {
    expect(run(script`printf '<%s>' ${['a b', 'c', 1]}`)).toBe('<a b><c><1>');
    expect(run(script`set -- ${[]}; printf %s $#`)).toBe('0');
  });

  it('refuses what cannot be quoted where it stands', () => {
    const value = '$(echo injected)';
    expect(() => script`echo \`echo ${value}\``).toThrow(/quoted safely/);
    expect(() => script`true # ${value}`).toThrow(/quoted safely/);
    expect(() => script`cat <<END\n${value}\nEND`).not.toThrow();
    expect(() =>
      shellScript(Object.assign([], { raw: ['cat <<END\n', '\nEND'] }) as never, [value]),
    ).toThrow();
    expect(() => script`echo $(( ${value} + 1 ))`).toThrow(/quoted safely/);
    expect(() => script`echo $'${value}'`).toThrow(/quoted safely/);
    expect(() => script`echo "$(case x in x) echo ${value};; esac)"`).toThrow(/quoted safely/);
  });

  it('takes plain numbers and names anywhere', () => {
    expect(run(script`echo $(( ${2} + 1 ))`)).toBe('3\n');
  });

  it('keeps backslashes, but for those of the template', () => {
    expect(run(script`printf 'a\nb'`)).toBe('a\nb');
    expect(run(script`printf '%s' '\d'`)).toBe('\\d');
    expect(run(script`x=1; printf %s "\${x:-2}"`)).toBe('1');
    expect(run(script`printf %s \`echo hi\``)).toBe('hi');
  });

  it('refuses undefined, null, objects and NUL', () => {
    for (const value of [undefined, null, {}, 'a\0b'] as never[]) {
      expect(() => script`echo ${value}`).toThrow(/a value in a shell script/);
    }
  });
});

describe('createShell', () => {
  const calls: [readonly string[], ExecOptions | undefined][] = [];
  const shell = createShell(async (command, options) => {
    calls.push([command, options]);
    return {} as ExecResult;
  });

  it('is a tag, and a function of options that returns one', async () => {
    await shell`ls ${'a b'}`;
    await shell({ cwd: 'src' })`ls`;
    expect(calls).toEqual([
      [['sh', '-c', "ls 'a b'"], undefined],
      [['sh', '-c', 'ls'], { cwd: 'src' }],
    ]);
  });

  it('refuses a plain string, with the ways to do it', () => {
    expect(() => shell('ls' as never)).toThrow(/template tag/);
  });
});
