import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { executionsFile } from '../naming/state-directory.ts';
import { openSqliteFile } from '../sqlite/sqlite-file.ts';
import type { Execution } from './execution.ts';
import { readHistory } from './history.ts';
import { EXECUTIONS_FILE } from './sqlite/executions-file.ts';
import { createSqliteExecutions, type ExecutionStore } from './sqlite-executions.ts';

const DAY_MS = 86_400_000;
const execution = (more: Partial<Execution> = {}): Execution => ({
  ...{ operation: 'exec', startedAt: new Date(), durationMs: 1.5, user: 'ann', project: null, task: null },
  ...{ language: null, runtime: 'docker', sandbox: 'box', lifecycle: 'ephemeral', terminal: false },
  ...{ ending: 'exited', errorCode: null, exitCode: 0, peakMemoryBytes: 1, cpuMs: 0.5, stdoutBytes: 2 },
  ...{ stderrBytes: 3, argv: null, env: null },
  ...more,
});

let directory: string;
let file: string;
let warnings: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'executions-'));
  file = executionsFile({ SANDBOX_STATE_DIR: join(directory, 'state') });
  warnings = [];
});
afterEach(() => rmSync(directory, { recursive: true }));

const open = (more: object = {}): ExecutionStore =>
  createSqliteExecutions({ file, onWarning: (message) => warnings.push(message), ...more });
const rows = () => {
  const database = new DatabaseSync(file, { readOnly: true });
  const all = database.prepare('SELECT * FROM executions ORDER BY id').all();
  database.close();
  return all;
};

function change(sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

/** Records some, and says how long whoever waits for it waited. */
async function recorded(store: ExecutionStore, ...executions: readonly Execution[]): Promise<number> {
  const begun = performance.now();
  await Promise.all(executions.map(store.record));
  return performance.now() - begun;
}

test('nothing is opened before there is something to write', async () => {
  await open().close();
  expect(existsSync(join(directory, 'state'))).toBe(false);
  expect(readHistory({ file, since: new Date(0) })).toEqual([]);
});

test('what is recorded is in the file, which nobody else may read', async () => {
  const store = open();
  await recorded(store, execution({ startedAt: new Date(1e12), argv: ['a', 'b'], env: { A: 'b' } }));
  await store.close();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(file)).mode & 0o777).toBe(0o700);
  expect(warnings).toEqual([]);
  // Older than it is kept for: the same write has removed it again.
  expect(rows()).toEqual([]);
  const again = open({ retentionDays: 36_500 });
  await recorded(again, execution({ startedAt: new Date(1e12), argv: ['a', 'b'], env: { A: 'b' } }));
  expect(rows()).toMatchObject([
    {
      ...{
        operation: 'exec',
        started_at: 1e12,
        duration_ms: 1.5,
        user: 'ann',
        project: null,
        runtime: 'docker',
      },
      ...{
        sandbox: 'box',
        lifecycle: 'ephemeral',
        terminal: 0,
        ending: 'exited',
        error_code: null,
        exit_code: 0,
      },
      ...{
        cpu_ms: 0.5,
        peak_memory_bytes: 1,
        stdout_bytes: 2,
        stderr_bytes: 3,
        argv: '["a","b"]',
        env: '["A=b"]',
      },
    },
  ]);
  await again.close();
});

test('whatever a guest or a caller says fits, and no more of it than that', async () => {
  const store = open();
  await recorded(
    store,
    execution({
      ...{ durationMs: Number.NaN, cpuMs: Number.POSITIVE_INFINITY, peakMemoryBytes: 1e300, stdoutBytes: -7 },
      ...{
        exitCode: 1e300,
        stderrBytes: 0.4,
        user: 'x'.repeat(5_000),
        project: '\ud800\0',
        language: {} as string,
      },
      argv: ['x'.repeat(8_000), 'y'.repeat(8_000), 'z'],
      env: { __proto__: 'p', LONG: 'v'.repeat(20_000) },
    }),
  );
  expect(warnings).toEqual([]);
  const [row] = rows();
  expect(row).toMatchObject({
    ...{ duration_ms: null, cpu_ms: null, peak_memory_bytes: Number.MAX_SAFE_INTEGER, stdout_bytes: 0 },
    ...{
      exit_code: Number.MAX_SAFE_INTEGER,
      stderr_bytes: 0,
      user: 'x'.repeat(200),
      language: '[object Object]',
    },
  });
  expect(JSON.parse(String(row?.argv))).toEqual(['x'.repeat(8_000), `${'y'.repeat(192)}…`]);
  expect(String(row?.env).length).toBeLessThan(8_300);
  await store.close();
});

test('many at once are one write, and close writes what is left', async () => {
  const store = open();
  await recorded(store, execution());
  for (let each = 0; each < 5_000; each += 1) void store.record(execution());
  await store.close();
  expect(rows()).toHaveLength(5_001);
});

test('the old and the superfluous go, some with each write', async () => {
  const now = Date.now();
  const age = (days: number) => execution({ startedAt: new Date(now - days * DAY_MS) });
  const filler = open({ retentionDays: 1_000 });
  await recorded(filler, ...Array.from({ length: 1_200 }, () => age(8)), age(6), age(0));
  await filler.close();
  const store = open({ retentionDays: 7 });
  const left = [];
  for (let write = 0; write < 3; write += 1) {
    await recorded(store, execution());
    left.push(rows().length);
  }
  expect(left).toEqual([1_202 + 1 - 501, 1_202 + 2 - 1_002, 5]);
  await store.close();
  const small = open({ mostRecords: 3 });
  await recorded(small, execution({ user: 'last' }));
  expect(rows()).toHaveLength(3);
  expect(rows().at(-1)).toMatchObject({ user: 'last' });
  await small.close();
});

test('programs see what others have written', async () => {
  const [one, other] = [open(), open()];
  await recorded(one, execution());
  await recorded(other, execution(), execution());
  expect(readHistory({ file, since: new Date(0) })).toMatchObject([{ executions: 3 }]);
  await Promise.all([one.close(), other.close()]);
});

describe('a file that cannot be written', () => {
  test.each([
    [
      'is a directory',
      () => {
        mkdirSync(file, { recursive: true });
      },
    ],
    [
      'lies in a file',
      () => {
        writeFileSync(join(directory, 'state'), '');
      },
    ],
    [
      'is of a newer version',
      () => {
        openSqliteFile(
          { ...EXECUTIONS_FILE, migrations: [...EXECUTIONS_FILE.migrations, 'CREATE TABLE more (a TEXT)'] },
          { file, onSetAside: () => {} },
        ).close();
      },
    ],
    [
      'may grow no further',
      () => {
        const made = openSqliteFile(EXECUTIONS_FILE, { file, onSetAside: () => {} });
        made.close();
        // What a full disk does to SQLite, for this file alone.
        change(
          "CREATE TRIGGER full BEFORE INSERT ON executions BEGIN SELECT raise(ABORT, 'database or disk is full'); END",
        );
      },
    ],
  ])('because it %s is done without, and told of once', async (_, prepare) => {
    prepare();
    const store = open();
    const waits = [await recorded(store, execution(), execution()), await recorded(store, execution())];
    await store.close();
    expect(warnings).toEqual([
      expect.stringMatching(/^the history of executions .* cannot be written: .*Commands work/),
    ]);
    expect(Math.max(...waits)).toBeLessThan(1_000);
  });

  // Root may write everything.
  test.skipIf(process.getuid?.() === 0)('because nobody may is done without', async () => {
    mkdirSync(dirname(file), { recursive: true });
    chmodSync(dirname(file), 0o500);
    const store = open();
    await recorded(store, execution());
    chmodSync(dirname(file), 0o700);
    expect(warnings).toHaveLength(1);
  });

  test('because others keep it busy is written later, and nobody waits for that', async () => {
    const store = open();
    await recorded(store, execution());
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    const wait = await recorded(store, execution(), execution());
    expect(wait).toBeLessThan(1_500);
    expect(warnings).toEqual([expect.stringMatching(/other programs keep it busy/)]);
    let settled = false;
    void store.record(execution()).then(() => {
      settled = true;
    });
    await Promise.resolve();
    expect(settled).toBe(true);
    other.exec('COMMIT');
    other.close();
    await store.close();
    expect(rows()).toHaveLength(4);
    expect(warnings).toHaveLength(1);
  });
});

test.each([
  ['garbage', () => writeFileSync(file, 'garbage'.repeat(5_000))],
  ['empty', () => truncateSync(file, 0)],
  ['cut off', () => truncateSync(file, 6_000)],
  [
    'another program’s',
    () => {
      rmSync(file);
      change('CREATE TABLE executions (a TEXT)');
    },
  ],
  ['without its table', () => change('DROP TABLE executions')],
])('a file that is %s is set aside, and a new one begun', async (_, damage) => {
  const first = open();
  await recorded(first, ...Array.from({ length: 200 }, () => execution()));
  await first.close();
  damage();
  expect(() => readHistory({ file, since: new Date(0) })).toThrow('cannot be read');
  const store = open();
  await recorded(store, execution({ user: 'new' }));
  expect(rows()).toMatchObject([{ user: 'new' }]);
  await store.close();
  expect(warnings).toEqual([expect.stringMatching(/was damaged .*: a new one begins$/)]);
  expect(readdirSync(dirname(file)).filter((name) => name.includes('.damaged-'))).toHaveLength(1);
});

test('one that is removed under a program begins anew', async () => {
  const store = open();
  await recorded(store, execution());
  rmSync(dirname(file), { recursive: true });
  await recorded(store, execution({ user: 'after' }));
  expect(rows()).toMatchObject([{ user: 'after' }]);
  await store.close();
});
