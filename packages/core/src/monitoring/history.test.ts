import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Execution } from './execution.ts';
import { readHistory, readHistoryAndTotal } from './history.ts';
import { createSqliteExecutions } from './sqlite-executions.ts';

const at = new Date();
const execution = (more: Partial<Execution>): Execution => ({
  ...{ operation: 'exec', startedAt: at, durationMs: 10, user: 'ann', project: null, task: null },
  ...{ language: null, runtime: 'docker', sandbox: 'box', lifecycle: 'ephemeral', terminal: false },
  ...{ ending: 'exited', errorCode: null, exitCode: 0, peakMemoryBytes: 100, cpuMs: 5, stdoutBytes: 2 },
  ...{ stderrBytes: 3, argv: null, env: null },
  ...more,
});
const unrun = {
  ending: null,
  exitCode: null,
  peakMemoryBytes: null,
  cpuMs: null,
  stdoutBytes: null,
} as const;

let directory: string;
let count = 0;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'history-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A file of these. */
async function fileOf(executions: readonly Partial<Execution>[]): Promise<string> {
  count += 1;
  const file = join(directory, `${count}`, 'executions.sqlite');
  const store = createSqliteExecutions({ file });
  for (const one of executions) void store.record(execution(one));
  await store.close();
  return file;
}

test('tells rates, endings, durations and use, of each user and of all', async () => {
  const file = await fileOf([
    { durationMs: 1, peakMemoryBytes: 900 },
    { durationMs: 2, exitCode: 1 },
    { durationMs: 3, ending: 'timed-out', exitCode: null },
    { durationMs: 5_000, terminal: true },
    { ...unrun, errorCode: 'UNAVAILABLE', durationMs: 400 },
    { user: 'bob', ending: 'lost', exitCode: null, peakMemoryBytes: null, cpuMs: null, durationMs: 700 },
    { user: null, ...unrun, operation: 'detached', durationMs: null },
  ]);
  const since = new Date(0);
  expect(readHistory({ file, since, by: 'user' })).toEqual([
    {
      ...{ key: 'ann', executions: 5, failures: 2, errors: 1, failureRate: 0.4, errorRate: 0.2 },
      outcomes: { exited: 3, 'timed-out': 1, UNAVAILABLE: 1 },
      durationMs: { p50: 2, p95: 3, p99: 3 },
      ...{ cpuMs: 20, peakMemoryBytes: 900, stdoutBytes: 8, stderrBytes: 15 },
    },
    {
      ...{ key: null, executions: 1, failures: 0, errors: 0, failureRate: 0, errorRate: 0 },
      ...{ outcomes: { started: 1 }, durationMs: null },
      ...{ cpuMs: 0, peakMemoryBytes: null, stdoutBytes: 0, stderrBytes: 3 },
    },
    {
      ...{ key: 'bob', executions: 1, failures: 0, errors: 1, failureRate: 0, errorRate: 1 },
      ...{ outcomes: { lost: 1 }, durationMs: null },
      ...{ cpuMs: 0, peakMemoryBytes: null, stdoutBytes: 2, stderrBytes: 3 },
    },
  ]);
  expect(readHistory({ file, since })).toMatchObject([{ key: null, executions: 7, failures: 2, errors: 2 }]);
});

test('goes by any of the groups, one user, and a time', async () => {
  const before = new Date(at.getTime() - 86_400_000);
  const file = await fileOf([
    { runtime: 'docker', language: 'python', project: 'web' },
    { runtime: 'nsjail', language: 'python', user: 'bob' },
    { runtime: 'nsjail', startedAt: before },
  ]);
  const keys = (more: object) =>
    readHistory({ file, since: new Date(0), ...more }).map(({ key, executions }) => [key, executions]);
  expect(keys({ by: 'runtime' })).toEqual([
    ['nsjail', 2],
    ['docker', 1],
  ]);
  expect(keys({ by: 'language' })).toEqual([
    ['python', 2],
    [null, 1],
  ]);
  expect(keys({ by: 'project', user: 'ann' })).toEqual([
    [null, 1],
    ['web', 1],
  ]);
  expect(keys({ since: at, by: 'runtime' })).toEqual([
    ['docker', 1],
    ['nsjail', 1],
  ]);
  expect(keys({ since: new Date(at.getTime() + 1) })).toEqual([]);
  expect(keys({ user: "o'brien" })).toEqual([]);
});

test('the total is that of all rows together, and null where there are none', async () => {
  const users = ['ann', 'bob', null];
  const file = await fileOf(
    Array.from({ length: 3_000 }, (_, each) => ({
      ...{ user: users[each % 3] as string | null, durationMs: (each * 7) % 1_000, exitCode: each % 5 },
      ...(each % 10 === 0 && { ...unrun, errorCode: 'NOT_FOUND' as const }),
      peakMemoryBytes: each % 3 === 2 ? null : each,
    })),
  );
  const since = new Date(0);
  const { rows, total } = readHistoryAndTotal({ file, since, by: 'user' });
  expect(rows).toEqual(readHistory({ file, since, by: 'user' }));
  expect([total]).toEqual(readHistory({ file, since }));
  expect(rows.map(({ key, executions }) => [key, executions])).toEqual([
    [null, 1_000],
    ['ann', 1_000],
    ['bob', 1_000],
  ]);
  expect(total).toMatchObject({ executions: 3_000, peakMemoryBytes: 2_998 });
  expect(readHistoryAndTotal({ file, since, user: 'nobody' })).toEqual({ rows: [], total: null });
});

test('percentiles are the nearest rank', async () => {
  const ofAll = fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 250 });
  await fc.assert(
    fc.asyncProperty(ofAll, async (durations) => {
      const file = await fileOf(durations.map((durationMs) => ({ durationMs })));
      const sorted = durations.toSorted((one, other) => one - other);
      const rank = (percent: number) => sorted[Math.ceil((sorted.length * percent) / 100) - 1];
      const [row] = readHistory({ file, since: new Date(0) });
      expect(row?.durationMs).toEqual({ p50: rank(50), p95: rank(95), p99: rank(99) });
    }),
    { numRuns: 15 },
  );
});

test('nothing is told only where nothing is there', () => {
  const read = (...parts: string[]) => readHistory({ file: join(directory, ...parts), since: new Date(0) });
  expect(read('none')).toEqual([]);
  writeFileSync(join(directory, 'file'), '');
  expect(read('file', 'executions.sqlite')).toEqual([]);
  // As a directory that may not be searched, which root may.
  symlinkSync('loop', join(directory, 'loop'));
  expect(() => read('loop')).toThrow('cannot be read');
  mkdirSync(join(directory, 'directory'));
  expect(() => read('directory')).toThrow('cannot be read');
});

test('what another program keeps to itself is not told without its last executions', async () => {
  const file = await fileOf([{}]);
  const other = new DatabaseSync(file);
  // As programs that close the file do for a moment.
  other.exec('PRAGMA locking_mode = EXCLUSIVE');
  other.exec("INSERT INTO executions (operation, started_at, terminal) VALUES ('exec', 1, 0)");
  expect(() => readHistory({ file, since: new Date(0) })).toThrow('cannot be read: database is locked');
  other.close();
  expect(readHistory({ file, since: new Date(0) })).toMatchObject([{ executions: 2 }]);
});

test('exit codes are read whatever they are', async () => {
  const file = await fileOf([{ exitCode: 1 }, { exitCode: 0 }]);
  const other = new DatabaseSync(file);
  // More than a number of JavaScript holds, as a guest may have said.
  other.exec('UPDATE executions SET exit_code = 9223372036854775807 WHERE exit_code = 1');
  other.close();
  expect(readHistory({ file, since: new Date(0) })).toMatchObject([{ executions: 2, failures: 1 }]);
});
