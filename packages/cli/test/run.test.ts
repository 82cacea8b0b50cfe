import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startProgram } from './run-program.ts';

const program = fileURLToPath(new URL('program.ts', import.meta.url));
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'sandbox-cli-'));
  // Commands run as another user, who must get there.
  chmodSync(directory, 0o777);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

type Options = NonNullable<Parameters<typeof startProgram>[1]>;
// The reference adapter has no network to take away, so that one must be asked for.
const start = (words: readonly string[], options: Options = {}) =>
  startProgram([process.execPath, program, 'run', '--network', 'full', ...words], {
    ...options,
    env: { REFERENCE_DIRECTORY: path.join(directory, 'sandboxes'), ...options.env },
  });
const run = (words: readonly string[], options: Options = {}) =>
  start(words, { input: '', ...options }).result;
const sh = (script: string, options?: Options) => run(['--', 'sh', '-c', script], options);

/** Processes whose command line has this word in it. */
async function withWord(word: string): Promise<string[]> {
  const { stdout } = await startProgram(['pgrep', '-f', '--', word]).result;
  return stdout.toString().split('\n').filter(Boolean);
}

describe('exit codes', () => {
  it.each([
    ['exit 0', 0],
    ['exit 1', 1],
    ['exit 42', 42],
    ['exit 126', 126],
    ['exit 255', 255],
    ['kill -TERM $$', 143],
    ['kill -KILL $$', 137],
    ['kill -SEGV $$', 139],
  ])('%s is %i', async (script, expected) => {
    const { exitCode, stdout } = await sh(script);
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: expected, stdout: '' });
  });

  it('127 for a program that is not there, 126 for one that cannot be executed', async () => {
    expect((await run(['--', 'no-such-program'])).exitCode).toBe(127);
    expect((await run(['--', '/etc/passwd'])).exitCode).toBe(126);
  });

  it('2 where the directory that the caller stands in has been removed', async () => {
    const gone = mkdtempSync(path.join(directory, 'gone-'));
    const script = 'cd "$1" && rmdir "$1" && shift && "$@"; echo "$?"';
    const from = (...words: string[]) =>
      startProgram(['bash', '-c', script, 'bash', gone, process.execPath, program, ...words], { input: '' })
        .result;
    const { stdout, stderr } = await from('run', '--network', 'full', '--', 'true');
    expect(stdout.toString()).toBe('2\n');
    expect(stderr).toMatch(/^sandbox: the directory here is not there any more\nhint: /);
    mkdirSync(gone);
    expect((await from('--version')).stdout.toString()).toMatch(/^sandbox .*\n0\n$/);
  });

  it('names --image where an image was taken for the command', async () => {
    const { exitCode, stderr } = await run(['alpine:3', 'echo', 'hi']);
    expect(exitCode).toBe(127);
    expect(stderr).toContain('--image alpine:3');
  });

  it('124 when time runs out, and says how to get more', async () => {
    const { exitCode, stdout, stderr } = await run([
      '--timeout',
      '500ms',
      '--',
      'sh',
      '-c',
      'echo so far; sleep 60',
    ]);
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 124, stdout: 'so far\n' });
    expect(stderr).toMatch(/^sandbox: the command was killed: it ran for more than .*\nhint: .*--timeout/m);
  });

  it('125 when the sandbox cannot be made as asked, and names the control', async () => {
    const { exitCode, stdout, stderr } = await run(['--memory', '64m', '--', 'echo', 'ran']);
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 125, stdout: '' });
    expect(stderr).toMatch(/^sandbox: .*memory.*\nhint: .*--best-effort|bestEffort/m);
    expect((await run(['--memory', '64m', '--best-effort', 'memory', '--', 'true'])).exitCode).toBe(0);
  });
});

describe('streams', () => {
  it('come out apart', async () => {
    const { exitCode, stdout, stderr } = await sh('echo out; echo err >&2; exit 7');
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 7, stdout: 'out\n' });
    expect(stderr.split('\n').filter((line) => !line.startsWith('sandbox: warning:'))).toEqual(['err', '']);
  });

  it('carry bytes, not text', async () => {
    const { stdout } = await sh("printf '\\000\\377\\200\\n'");
    expect(stdout.toString('hex')).toBe('00ff800a');
  });

  it('carry 50 MB in and out again', async () => {
    const block = randomBytes(1024 * 1024);
    const hash = createHash('sha256');
    for (let count = 0; count < 50; count += 1) hash.update(block);
    const input = Readable.from(Array.from({ length: 50 }, () => block));
    const { exitCode, stdout } = await run(['--', 'cat'], { input });
    expect(exitCode).toBe(0);
    expect(stdout.length).toBe(50 * block.length);
    expect(createHash('sha256').update(stdout).digest('hex')).toBe(hash.digest('hex'));
  });

  it('end the command when nobody reads any more', async () => {
    const script = `"$0" "$@" | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const { result } = startProgram(
      ['bash', '-c', script, process.execPath, program, 'run', '--network', 'full', '--', 'yes'],
      { input: '' },
    );
    const { stdout, stderr } = await result;
    expect(stdout.toString()).toBe('y\n141\n');
    expect(stderr).not.toContain('EPIPE');
  });

  it('leave the exit code as it is when nobody reads the JSON', async () => {
    const script = `"$0" "$@" | true; echo "\${PIPESTATUS[0]}"`;
    const words = ['run', '--network', 'full', '--json', '--', 'sh', '-c', 'exit 3'];
    const { result } = startProgram(['bash', '-c', script, process.execPath, program, ...words], {
      input: '',
    });
    expect((await result).stdout.toString()).toBe('3\n');
  });

  it('say so when output cannot be written', async () => {
    const script = '"$0" "$@" > /dev/full; echo "$?"';
    for (const words of [
      ['--', 'yes'],
      ['--json', '--', 'true'],
    ]) {
      const { result } = startProgram(
        ['bash', '-c', script, process.execPath, program, 'run', '--network', 'full', ...words],
        { input: '' },
      );
      const { stdout, stderr } = await result;
      expect(stdout.toString()).toBe('125\n');
      expect(stderr).toMatch(/^sandbox: the output cannot be written: ENOSPC.*\nhint: Look at where/m);
    }
  });

  it('take a flood with bounded memory, and wait for a slow reader', async () => {
    const { child, shows } = start(
      ['--timeout', 'none', '--', 'sh', '-c', 'echo ready >&2; exec cat /dev/zero'],
      {
        input: '',
      },
    );
    await shows('ready');
    // The test keeps what it reads: read 200 MB by hand instead, then stop.
    child.stdout?.removeAllListeners('data');
    let seen = 0;
    await new Promise<void>((resolve) => {
      child.stdout?.on('data', (chunk: Buffer) => {
        seen += chunk.length;
        if (seen > 200 * 2 ** 20) resolve();
      });
    });
    child.stdout?.pause();
    const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
    child.kill('SIGKILL');
    expect(peak).toBeLessThan(200 * 1024);
  });

  it('do not wait for a stdin that nobody ends', async () => {
    const { exitCode } = await start(['--', 'true']).result;
    expect(exitCode).toBe(0);
  });
});

describe('signals', () => {
  const trapping = (signal: string) =>
    `trap 'echo got ${signal}; exit 5' ${signal}; echo ready; while :; do sleep 0.05; done`;

  it.each(['INT', 'TERM', 'HUP', 'QUIT'])('SIG%s reaches the command', async (signal) => {
    const { child, result, shows } = start(['--', 'sh', '-c', trapping(signal)]);
    await shows('ready');
    child.kill(`SIG${signal}` as NodeJS.Signals);
    const { exitCode, stdout } = await result;
    expect({ exitCode, stdout: stdout.toString() }).toEqual({
      exitCode: 5,
      stdout: `ready\ngot ${signal}\n`,
    });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('a command that does nothing about %s ends with %i', async (signal, expected) => {
    const { child, result, shows } = start(['--', 'sh', '-c', 'echo ready; exec sleep 60']);
    await shows('ready');
    child.kill(signal);
    expect(await result).toMatchObject({ exitCode: expected, signal: null });
  });

  it('the second one kills a command that ignores them, with all that it started', async () => {
    const mark = `sleep 97.${process.pid}`;
    const script = `trap '' INT; (trap '' INT; ${mark}) & echo ready; wait; ${mark}`;
    const { child, result, shows } = start(['--', 'sh', '-c', script]);
    await shows('ready');
    child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 200));
    child.kill('SIGINT');
    expect(await result).toMatchObject({ exitCode: 137 });
    expect(await withWord(mark)).toEqual([]);
  });

  it('kill -9 of the program leaves nothing running', async () => {
    const mark = `sleep 98.${process.pid}`;
    const { child, result, shows } = start(['--', 'sh', '-c', `echo ready; ${mark}; true`]);
    await shows('ready');
    expect(await withWord(mark)).not.toEqual([]);
    child.kill('SIGKILL');
    await result;
    await expect.poll(() => withWord(mark), { timeout: 10_000 }).toEqual([]);
  });
});

describe('environment', () => {
  it('has what was asked for, and nothing of the host’s', async () => {
    const file = path.join(directory, 'some.env');
    writeFileSync(file, '# comment\nFROM_FILE=a b\nBOTH=file\n');
    const { stdout } = await run(
      ['-e', 'GIVEN=x=y', '-e', 'PASSED', '-e', 'BOTH=option', `--env-file=${file}`, '--', 'env'],
      { env: { PASSED: 'on', HOST_SECRET: 'secret' } },
    );
    const lines = stdout.toString().split('\n');
    expect(lines).toEqual(expect.arrayContaining(['GIVEN=x=y', 'PASSED=on', 'FROM_FILE=a b', 'BOTH=option']));
    expect(stdout.toString()).not.toContain('secret');
  });
});

describe('argv', () => {
  it('reaches the command as it is, options and all', async () => {
    const words = ['--', '', ' ', '-v', '--json', '$HOME', '"\'', 'ü 日本', 'a\nb', '*'];
    const { stdout } = await run(['printf', '%s\\0', ...words]);
    expect(stdout.toString().split('\0').slice(0, -1)).toEqual(words);
  });

  it('starts after a --', async () => {
    const { stdout } = await run(['--', 'echo', '--', '-e']);
    expect(stdout.toString()).toBe('-- -e\n');
  });
});

describe('--json', () => {
  const json = async (words: readonly string[], options?: Options) => {
    const { exitCode, stdout, stderr } = await run(['--json', ...words], options);
    return { exitCode, report: JSON.parse(stdout.toString()), stderr };
  };

  it('prints one object with everything', async () => {
    const { exitCode, report } = await json(['--', 'sh', '-c', 'cat; echo err >&2; exit 3'], { input: 'in' });
    expect(exitCode).toBe(3);
    expect(report).toMatchObject({
      runtime: 'reference',
      runtimeReason: 'the only one',
      sandbox: expect.stringMatching(/^sandbox-run-/),
      command: ['sh', '-c', 'cat; echo err >&2; exit 3'],
      ending: 'exited',
      exitCode: 3,
      signal: null,
      stdout: 'in',
      stderr: 'err\n',
      stdoutTruncated: false,
      stderrTruncated: false,
      durationMs: expect.any(Number),
      usage: { cpuMs: expect.any(Number), peakMemoryBytes: expect.any(Number) },
    });
    expect(report.enforcement.memory).toMatchObject({ status: 'unsupported', source: 'default' });
    expect(report.warnings).toEqual(expect.arrayContaining([expect.stringContaining('memory')]));
    expect(report).not.toHaveProperty('error');
  });

  it.each([
    [['--', 'sh', '-c', 'kill -KILL $$'], 137, { ending: 'signaled', exitCode: null, signal: 'SIGKILL' }],
    [['--timeout', '300ms', '--', 'sleep', '60'], 124, { ending: 'timed-out', exitCode: null }],
    [['--', 'no-such-program'], 127, { ending: 'exited', exitCode: 127 }],
    [['--', 'printf', 'a\\377b'], 0, { stdout: 'a\ufffdb' }],
  ])('%j', async (words, exitCode, expected) => {
    expect(await json(words)).toMatchObject({ exitCode, report: expected });
  });

  it('keeps 10 MiB, and says that there was more', async () => {
    const { report } = await json(['--', 'head', '-c', '11000000', '/dev/zero']);
    expect(report.stdoutTruncated).toBe(true);
    expect(report.stdout.length).toBe(10 * 2 ** 20);
    expect(report.stderrTruncated).toBe(false);
  });

  it('has an error when the sandbox failed', async () => {
    const { exitCode, report, stderr } = await json(['--memory', '64m', '--', 'true']);
    expect(exitCode).toBe(125);
    expect(report).toMatchObject({ ending: null, exitCode: null, error: { code: 'UNSUPPORTED' } });
    expect(report.error.message).toContain('memory');
    expect(report.error.hint).toMatch(/\w/);
    expect(stderr).toContain(`hint: ${report.error.hint}`);
  });

  it('lets signals through too', async () => {
    const { child, result } = start([
      '--json',
      '--',
      'sh',
      '-c',
      `touch ${directory}/started; exec sleep 60`,
    ]);
    await expect.poll(() => existsSync(`${directory}/started`), { timeout: 20_000 }).toBe(true);
    child.kill('SIGINT');
    const { exitCode, stdout } = await result;
    expect(exitCode).toBe(130);
    expect(JSON.parse(stdout.toString())).toMatchObject({ ending: 'signaled', signal: 'SIGINT' });
  });
});
