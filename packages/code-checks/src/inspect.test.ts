import { describe, expect, it } from 'vitest';
import { type Finding, formatCodeWarning } from './code-warning.ts';
import { FINDINGS_OF_A_KIND, inspect } from './inspect.ts';
import { checksFor, languageChecks } from './rules/index.ts';
import type { LanguageChecks } from './rules/language-checks.ts';

const never = () => false;

async function findingsOf(
  language: string | LanguageChecks,
  code: string,
  late: () => boolean = never,
): Promise<Finding[]> {
  const checks = typeof language === 'string' ? checksFor(language) : language;
  const all: Finding[] = [];
  for await (const findings of inspect(code, checks, late)) all.push(...findings);
  return all;
}

const places = async (language: string, code: string) =>
  (await findingsOf(language, code)).map(({ rule, line, column }) => `${rule} ${line}:${column}`);

describe('syntax errors', () => {
  it.each([
    ['python', 'a = 1\ndef f(:\n  pass\n', 'syntax 2:7'],
    ['javascript', 'const a = 1;\nconst b = {;\n', 'syntax 2:12'],
    ['typescript', 'let a: = 3;\n', 'syntax 1:6'],
    ['java', 'class A {\n  int x = ;\n}\n', 'syntax 2:9'],
    ['go', 'package main\nfunc main( {\n', 'syntax 2:1'],
    ['ruby', 'def f\n  x = )\nend\n', 'syntax 2:5'],
    ['php', '<?php\n$a = ;\n', 'syntax 2:4'],
    ['csharp', 'class A {\n  int x = ;\n}\n', 'syntax 2:9'],
    ['powershell', '$a = 1\nif ($a { 2 }\n', 'syntax 2:5'],
    ['bash', 'a=1\nif true; then\n  echo a\n', 'syntax 4:1'],
  ])('%s', async (language, code, place) => {
    expect(await places(language, code)).toContain(place);
  });

  it.each(languageChecks.map(({ id }) => id))(
    'nothing, blanks and a byte order mark are none: %s',
    async (id) => {
      for (const code of ['', '\n', ' \n\t', '\uFEFF']) expect(await findingsOf(id, code)).toEqual([]);
    },
  );

  it('columns count UTF-16 code units, also after characters of more than one', async () => {
    expect(await places('python', `s = 'ü😀'; eval(s)`)).toEqual(['python/eval 1:12']);
  });

  it('tells of several, and the innermost of nested ones', async () => {
    expect(await places('javascript', 'f(;\ng(1);\nh(];\n')).toEqual(['syntax 1:3', 'syntax 3:2']);
  });

  it('stops where it has enough', async () => {
    const found = await findingsOf('java', 'class A { int x = ; }\n'.repeat(1000));
    expect(found).toHaveLength(FINDINGS_OF_A_KIND);
  });
});

describe('secrets', () => {
  // In two parts, or this file would have secrets in it.
  const token = `ghp_${'aB3dE5'.repeat(6)}`;
  const key = `-----BEGIN RSA PRIVATE ${'KEY'}-----\nMIIEpAIBAAKCAQEA${'abcdEFGH1234'.repeat(20)}\n-----END RSA PRIVATE KEY-----`;

  it.each([
    ['a token', `a = 1\nb = "${token}"\n`, 'secret/github', 2, 6],
    ['a private key', `k = """${key}"""\n`, 'secret/privatekey', 1, 8],
    ['a password in a URL', `u = "https://user:s3cr3tpassw0rd@example.org/"\n`, 'secret/basicauth', 1, 6],
    ['a comment counts too', `# ${token}\n`, 'secret/github', 1, 3],
  ])('%s', async (_, code, rule, line, column) => {
    expect(await findingsOf('python', code)).toMatchObject([{ kind: 'secret', rule, line, column }]);
  });

  it('are in no warning', async () => {
    // Beside a syntax error and a dangerous call, whose warnings must not show them either.
    const found = await findingsOf('python', `eval("${token}")\nx = ("${token}",\n`);
    expect(found.map(({ kind }) => kind)).toEqual(['secret', 'secret', 'syntax', 'dangerous-call']);
    expect(found.map((finding) => formatCodeWarning({ ...finding, path: null })).join()).not.toContain(
      'aB3dE5',
    );
    expect(JSON.stringify(found)).not.toContain('aB3dE5');
  });

  it('thousands of them are found in no time', async () => {
    expect(await findingsOf('python', `# ${token}\n`.repeat(5000))).toHaveLength(FINDINGS_OF_A_KIND);
  });
});

describe('what cannot be checked is said', () => {
  const python = checksFor('python') as LanguageChecks;

  it('a grammar that is not there', async () => {
    const found = await findingsOf({ ...python, grammar: 'klingon', title: 'Klingon' }, 'eval(x)');
    expect(found).toMatchObject([
      { kind: 'incomplete', rule: 'incomplete/grammar', line: null, column: null },
    ]);
    // No path of this machine.
    expect(found[0]?.message).toBe(
      'syntax and calls were not checked: there is no usable grammar for Klingon (ENOENT)',
    );
  });

  it('rules that do not fit the grammar', async () => {
    const rules = [{ id: 'none', message: '', query: '(no_such_node) @hit' }];
    // With a grammar that no other test loads with its own rules.
    const found = await findingsOf({ ...python, grammar: 'css', rules }, 'eval(x)');
    expect(found).toMatchObject([{ rule: 'incomplete/grammar' }]);
  });

  it('code that is hardly any', async () => {
    const found = await findingsOf('python', `eval(x)\n${'('.repeat(20_000)}`);
    expect(found.map(({ rule }) => rule)).toEqual(['syntax', 'incomplete/syntax']);
  });

  it('a time that is up', async () => {
    const found = await findingsOf('python', 'eval(x)\n'.repeat(20_000), () => true);
    expect(found).toMatchObject([{ rule: 'incomplete/time' }]);
  });
});
