import { execFile, spawn } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import {
  type CodeWarning,
  checkCode,
  formatCodeWarning,
  languageChecks,
  MAX_CHECKED_BYTES,
} from '@sandbox/code-checks';
import { describe, expect, it } from 'vitest';

/** A machine that is busy with other tests is slow. */
const timeoutMs = 60_000;
const texts = (warnings: readonly CodeWarning[]) => warnings.map(formatCodeWarning);

it('tells what is wrong, and where', async () => {
  const code = 'import os\nos.system("ls")\ndef f(:\n  pass\n';
  expect(texts(await checkCode({ language: 'python', code, path: 'main.py', timeoutMs }))).toEqual([
    'main.py:2:1: starts a program through the operating system, often a shell [python/os-command]',
    'main.py:3:7: `)` is missing here [syntax]',
  ]);
});

it.each(languageChecks.map(({ id, aliases }) => [id, aliases]))('%s has a grammar', async (id, aliases) => {
  for (const language of [id, ...aliases])
    expect(await checkCode({ language, code: '\n', timeoutMs })).toEqual([]);
});

it('of a language that is not known, secrets are found, and it is said that the rest was not checked', async () => {
  const code = `my $k = "ghp_${'aB3dE5'.repeat(6)}"; eval $x`;
  for (const language of ['perl', '__proto__', 'constructor'])
    expect(texts(await checkCode({ language, code, timeoutMs }))).toEqual([
      `code: only secrets were looked for: there are no checks for "${language}" [incomplete/language]`,
      'code:1:10: looks like a secret: GITHUB_TOKEN [secret/github]',
    ]);
});

it('what is larger than a megabyte is not looked at', async () => {
  const just = ' '.repeat(MAX_CHECKED_BYTES);
  expect(await checkCode({ language: 'bash', code: just, timeoutMs })).toEqual([]);
  // In bytes: half as many characters.
  for (const code of [`${just} `, 'ü'.repeat(MAX_CHECKED_BYTES / 2 + 1)])
    expect(await checkCode({ language: 'bash', code })).toMatchObject([{ kind: 'size', line: null }]);
});

it.each([Number.POSITIVE_INFINITY, 2 ** 31])('a time of %d ms is not over at once', async (long) => {
  // Of this length code is looked at in a process that has to be started.
  const code = `${' '.repeat(70_000)}eval("x")`;
  expect(await checkCode({ language: 'javascript', code, timeoutMs: long })).toMatchObject([
    { rule: 'javascript/eval' },
  ]);
});

it('an aborted signal ends the wait', async () => {
  const reason = new Error('enough');
  await expect(checkCode({ language: 'bash', code: '', signal: AbortSignal.abort(reason) })).rejects.toBe(
    reason,
  );
  const end = new AbortController();
  const waiting = checkCode({ language: 'python', code: '('.repeat(900_000), signal: end.signal });
  end.abort(reason);
  await expect(waiting).rejects.toBe(reason);
});

/** Process ids. */
const childrenOf = (pid: number | undefined) =>
  globSync(`/proc/${pid}/task/*/children`).flatMap((file) => readFileSync(file, 'utf8').match(/\d+/g) ?? []);

it('a process that somebody kills costs one check', async () => {
  await checkCode({ language: 'python', code: '', timeoutMs });
  const [pid] = childrenOf(process.pid).filter((child) =>
    readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('check-process'),
  );
  process.kill(Number(pid), 'SIGSTOP');
  const stopped = checkCode({ language: 'python', code: 'eval(x)', timeoutMs });
  const next = checkCode({ language: 'python', code: 'eval(y)', timeoutMs });
  process.kill(Number(pid), 'SIGKILL');
  expect(await stopped).toMatchObject([{ rule: 'incomplete/failure' }]);
  expect(await next).toMatchObject([{ rule: 'python/eval' }]);
});

it('nothing stays when the program is killed', async () => {
  const code = '[checkCode({ language: "python", code: "(".repeat(900_000) }), setInterval(() => {}, 1000)]';
  const program = `import { checkCode } from '@sandbox/code-checks'; ${code}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: import.meta.dirname,
    stdio: 'ignore',
  });
  const children = () => childrenOf(child.pid);
  await expect.poll(children, { timeout: timeoutMs }).toHaveLength(1);
  const [pid] = children();
  child.kill('SIGKILL');
  await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: timeoutMs }).toBe(false);
});

it('a program ends when it has nothing else to do', async () => {
  const program = `
    import { checkCode } from '@sandbox/code-checks';
    console.log((await checkCode({ language: 'powershell', code: 'iex $a', timeoutMs: ${timeoutMs} })).length);
  `;
  const options = { cwd: import.meta.dirname, timeout: timeoutMs };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', program],
    options,
  );
  expect(stdout).toBe('1\n');
});

describe('code that somebody crafted', () => {
  const megabyte = (piece: string) => piece.repeat(MAX_CHECKED_BYTES / Buffer.byteLength(piece));
  const cases = {
    'nested parentheses': megabyte('('),
    'nested braces': megabyte('{'),
    'closing brackets': megabyte(')'),
    'a long line': megabyte('eval(x);'),
    'many lines': megabyte('eval(x)\n'),
    'errors only': megabyte('@ ) = \n'),
    'open quotes': megabyte('"'),
    'substitutions in each other': megabyte('`$('),
    'here-documents in each other': megabyte('<<A '),
    'less than': megabyte('a<b<'),
    'NUL bytes': megabyte('\0'),
    'lone surrogates': megabyte('\ud800'),
    tokens: megabyte(`ghp_${'aB3dE5'.repeat(6)} `),
  };

  it.each(Object.entries(cases))(
    '%s: bounded, in time, and not at the expense of the caller',
    async (_, code) => {
      const cpu = process.cpuUsage();
      const begin = performance.now();
      const warnings = await checkCode({ language: 'javascript', code, timeoutMs: 400 });
      const tookMs = performance.now() - begin;
      const { user, system } = process.cpuUsage(cpu);
      expect(warnings.length).toBeLessThanOrEqual(101);
      expect(tookMs).toBeLessThan(5000);
      // Of this process: it is another that works.
      expect((user + system) / 1000).toBeLessThan(400);
    },
  );

  it('what was found before the time was up is not lost', async () => {
    const code = `# ghp_${'aB3dE5'.repeat(6)}\n${'a?b:'.repeat(200_000)}`;
    const warnings = await checkCode({ language: 'python', code, timeoutMs: 1500 });
    expect(warnings.map(({ rule }) => rule)).toEqual(['incomplete/time', 'secret/github']);
  });

  it('a snippet does not wait for it', async () => {
    await checkCode({ language: 'javascript', code: '', timeoutMs });
    const crafted = checkCode({ language: 'python', code: cases['nested parentheses'], timeoutMs: 2000 });
    const order: string[] = [];
    await Promise.all([
      crafted.then(() => order.push('crafted')),
      checkCode({ language: 'javascript', code: 'eval(x)', timeoutMs }).then(() => order.push('snippet')),
    ]);
    expect(order).toEqual(['snippet', 'crafted']);
  });

  it('the next check works as if nothing had been', async () => {
    const at = Array.from({ length: 20 }, (_, index) =>
      checkCode({ language: 'python', code: `eval(${index})`, timeoutMs }),
    );
    for (const warnings of await Promise.all(at)) expect(warnings).toMatchObject([{ rule: 'python/eval' }]);
  });
});
