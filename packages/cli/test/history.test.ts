import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createSqliteExecutions, executionsFile } from '@sandbox/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { capturedIo } from './captured-io.ts';
import { referenceCli } from './reference-cli.ts';

let directory: string;
let config: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sandbox-history-'));
  config = join(directory, 'sandbox.toml');
  writeFileSync(config, '[sandbox]\n');
  file = executionsFile(env());
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const env = () => ({ SANDBOX_STATE_DIR: join(directory, 'state'), SANDBOX_CONFIG: config });

async function sandbox(...words: readonly string[]) {
  const io = capturedIo({ env: env() });
  const begun = performance.now();
  const exitCode = await referenceCli(undefined).run(words, io);
  return { exitCode, out: io.out(), err: io.err(), tookMs: performance.now() - begun };
}
const run = (script: string, ...options: readonly string[]) =>
  sandbox('run', '--network', 'full', ...options, '--', 'sh', '-c', script);
const history = async (...words: readonly string[]) => {
  const { out } = await sandbox('stats', '--history', '--json', ...words);
  return JSON.parse(out);
};

describe('sandbox stats --history', () => {
  it('tells what commands did, for whom', async () => {
    expect((await sandbox('stats', '--history')).out).toBe('nothing\n');
    await run('echo 12345', '--user-name', 'ann', '--env', 'TOKEN=planted-in-env');
    await run('exit 3 # planted-in-argv', '--user-name', 'ann');
    await run('sleep 60', '--timeout', '100ms');
    expect((await run('true', '--image', 'none')).exitCode).not.toBe(0);
    const told = await history();
    expect(told).toMatchObject({ by: 'user', user: null, since: expect.stringMatching(/^\d{4}-/) });
    expect(told.rows).toMatchObject([
      {
        ...{ key: 'ann', executions: 2, failures: 1, errors: 0, failureRate: 0.5, outcomes: { exited: 2 } },
        durationMs: { p50: expect.any(Number), p95: expect.any(Number), p99: expect.any(Number) },
        stdoutBytes: 6,
      },
      { key: userInfo().username, executions: 2, errors: 1, outcomes: { 'timed-out': 1, UNSUPPORTED: 1 } },
    ]);
    expect(told.total).toMatchObject({ executions: 4, failures: 2, errors: 1 });
    const { out } = await sandbox('stats', '--history');
    expect(out).toMatch(
      /^USER +RUN +FAILURES +ERRORS +P50 +P95 +P99 +CPU +PEAK MEMORY +OUTPUT\nann +2 +1 \(50 %\) +0 /,
    );
    expect(out).toMatch(/^total +4 +2 \(50 %\) +1 \(25 %\) /m);
    expect((await history('--by', 'runtime', '--user', 'ann')).rows).toMatchObject([
      { key: 'reference', executions: 2 },
    ]);
    expect((await history('--since', '1ms')).rows).toEqual([]);
    // Whoever did not ask for it finds no secret of a command in the file.
    const database = new DatabaseSync(file);
    expect(JSON.stringify(database.prepare('SELECT * FROM executions').all())).not.toContain('planted');
    database.close();
  });

  it('shows a name on one line, whatever is in it', async () => {
    const store = createSqliteExecutions({ file });
    await store.record({
      ...{
        operation: 'exec',
        startedAt: new Date(),
        durationMs: 1,
        user: 'a\n\u001b[31mb',
        project: null,
        task: null,
      },
      ...{ language: null, runtime: null, sandbox: null, lifecycle: null, terminal: false, ending: 'exited' },
      ...{ errorCode: null, exitCode: 0, peakMemoryBytes: null, cpuMs: null, stdoutBytes: 0, stderrBytes: 0 },
      ...{ argv: null, env: null },
    });
    await store.close();
    expect((await sandbox('stats', '--history')).out).toMatch(/^a \\x1b\[31mb +1 /m);
  });

  it.each([
    [['--history', '--by', 'sandbox'], 'Allowed choices are user, project, language, runtime'],
    [['--history', '--since', '7'], '--since'],
    [['--history', 'some-box'], 'exclude each other'],
    [['--history', '--workspace', '.'], 'exclude each other'],
    [['--user', 'ann'], '--user needs --history'],
  ])('refuses %j', async (words, reason) => {
    expect(await sandbox('stats', ...words)).toMatchObject({
      exitCode: 2,
      out: '',
      err: expect.stringContaining(reason),
    });
  });

  it('says that nothing is recorded where that is switched off', async () => {
    writeFileSync(config, '[monitoring]\nenabled = false\n');
    expect(await run('echo hi')).toMatchObject({ exitCode: 0, out: 'hi\n' });
    expect(existsSync(dirname(file))).toBe(false);
    const { out, err } = await sandbox('stats', '--history');
    expect({ out, err }).toEqual({ out: 'nothing\n', err: expect.stringContaining('monitoring.enabled') });
  });

  it('keeps words and variables where that is asked for', async () => {
    writeFileSync(config, '[monitoring]\nrecord_argv = true\nrecord_env = true\n');
    await run('echo hi', '--env', 'A=b');
    const database = new DatabaseSync(file);
    expect(database.prepare('SELECT argv, env FROM executions').all()).toEqual([
      { argv: '["sh","-c","echo hi"]', env: '["A=b"]' },
    ]);
    database.close();
  });
});

const nothing = (_done: unknown): undefined => undefined;

describe('a history that cannot be used', () => {
  const damages: [string, RegExp, () => Disposable | undefined][] = [
    ['is a directory', /cannot be written/, () => nothing(mkdirSync(file, { recursive: true }))],
    [
      'lies where nobody may write',
      /cannot be written/,
      () => nothing(symlinkSync('/sys/kernel', dirname(file))),
    ],
    [
      'is garbage',
      /was damaged/,
      () => {
        mkdirSync(dirname(file));
        return nothing(writeFileSync(file, 'garbage'.repeat(5_000)));
      },
    ],
    [
      'is locked',
      /keep it busy/,
      () => {
        const other = new DatabaseSync(file);
        other.exec('BEGIN IMMEDIATE');
        return { [Symbol.dispose]: () => other.close() };
      },
    ],
  ];

  it.each(damages)('because it %s neither fails nor holds up a command', async (what, warning, damage) => {
    const { tookMs: usual } = await run('true');
    if (what !== 'is locked') rmSync(dirname(file), { recursive: true });
    using _damage = damage();
    const { exitCode, out, err, tookMs } = await run('echo out; echo err >&2; exit 7');
    expect({ exitCode, out }).toEqual({ exitCode: 7, out: 'out\n' });
    expect(err).toMatch(/^err\n/);
    const told = err.split('\n').filter((line) => line.includes('history of executions'));
    expect(told).toEqual([expect.stringMatching(warning)]);
    expect(tookMs - usual).toBeLessThan(3_000);
  });

  it('is told by whoever wants to see it', async () => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, 'garbage'.repeat(5_000));
    expect(await sandbox('stats', '--history')).toMatchObject({
      exitCode: 125,
      err: expect.stringContaining('cannot be read'),
    });
  });
});

it('is told by df, and goes with uninstall', async () => {
  await run('true');
  const rows = JSON.parse((await sandbox('df', '--json')).out);
  expect(rows).toContainEqual({ runtime: null, kind: 'history', name: file, sizeBytes: expect.any(Number) });
  await sandbox('uninstall', '--yes');
  expect(existsSync(join(directory, 'state'))).toBe(false);
});
