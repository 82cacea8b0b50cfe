import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSandboxes, createSqliteExecutions, readHistory } from '../src/index.ts';
import { createPlainAdapter } from './support/plain-adapter.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'executions-'));
  file = join(directory, 'monitoring', 'executions.sqlite');
});
afterEach(() => rmSync(directory, { recursive: true }));

const PROGRAMS = 4;
const ROUNDS = 5;

/** Programs that wait for each other, and what each of them says at its end. */
async function together(): Promise<string[]> {
  const program = fileURLToPath(new URL('support/use-executions.ts', import.meta.url));
  const children = Array.from({ length: PROGRAMS }, (_, number) => {
    const child = spawn(process.execPath, [program, file, `user-${number}`, String(ROUNDS)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    return { child, ended: once(child, 'exit'), said: text(child.stdout), ready: once(child.stdout, 'data') };
  });
  await Promise.all(children.map(({ ready }) => ready));
  for (const { child } of children) child.stdin.end('go');
  expect(await Promise.all(children.map(({ ended }) => ended))).toEqual(children.map(() => [0, null]));
  return Promise.all(children.map(({ said }) => said));
}

it.each([
  ['a new file', () => {}],
  [
    'a damaged one',
    () => {
      mkdirSync(dirname(file));
      writeFileSync(file, 'garbage'.repeat(5_000));
    },
  ],
])('many programs record in %s at the same time, and lose nothing', async (what, prepare) => {
  prepare();
  const said = (await together()).map((words) => words.replace('ready\n', '')).join('');
  expect(said.split('\n').filter((line) => !/was damaged/.test(line))).toEqual(['']);
  expect(said.match(/was damaged/g) ?? []).toHaveLength(what === 'a damaged one' ? 1 : 0);
  const rows = readHistory({ file, since: new Date(0), by: 'user' });
  expect(rows.map(({ executions }) => executions)).toEqual(
    Array.from({ length: PROGRAMS }, () => ROUNDS * 11),
  );
});

it('commands of a program are in the file once it has closed its sandboxes', async () => {
  const { record } = createSqliteExecutions({ file });
  const sandboxes = createSandboxes({ adapter: createPlainAdapter(), onExecution: record });
  await sandboxes.run(['sh', '-c', 'exit 3'], { user: 'ann' });
  await sandboxes.close();
  expect(readHistory({ file, since: new Date(0), by: 'user' })).toMatchObject([
    { key: 'ann', executions: 1, failures: 1, outcomes: { exited: 1 } },
  ]);
});
