import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createReferenceAdapter } from '@sandbox/conformance/reference';
import { longLivedName } from '@sandbox/core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startProgram } from './run-program.ts';

const program = fileURLToPath(new URL('program.ts', import.meta.url));
let directory: string;
let workspace: string;
let name: string;
const sandboxesIn = () => path.join(directory, 'sandboxes');

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'sandbox-cli-'));
  workspace = path.join(directory, 'work');
  mkdirSync(workspace);
  // Commands run as another user, who must get there.
  chmodSync(directory, 0o777);
  name = longLivedName(workspace);
});
afterAll(async () => {
  const left = createReferenceAdapter({ directory: sandboxesIn() });
  for (const { name } of await left.list()) await left.remove(name, { volumes: true });
  rmSync(directory, { recursive: true, force: true });
});

/** Each is a program of its own, in the workspace. */
const start = (words: readonly string[]) =>
  startProgram([process.execPath, program, ...words], {
    input: '',
    cwd: workspace,
    env: { REFERENCE_DIRECTORY: sandboxesIn() },
  });
async function run(...words: string[]) {
  const { stdout, stderr, exitCode } = await start(words).result;
  return { exitCode, stdout: stdout.toString(), stderr };
}
const detach = (...words: string[]) =>
  run('exec', '--network', 'full', '--workspace-access', 'none', '-d', ...words);
async function detached(script: string): Promise<string> {
  const { stdout, stderr, exitCode } = await detach('--', 'sh', '-c', script);
  expect({ stderr, exitCode }).toEqual({ stderr: expect.any(String), exitCode: 0 });
  expect(stdout).toMatch(/^[0-9a-f]{8}-\d+\n$/);
  return stdout.trim();
}

it('a command is left running, listed, read and killed, each by a program of its own', async () => {
  const id = await detached('echo out; echo err >&2; exec sleep 600');
  expect(await run('ps')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(
      new RegExp(
        `^ID +STATE +STARTED +OUTPUT +COMMAND\\n${id} +running +.+ +8 B +sh -c "echo out; echo err >&2; exec sleep 600"\\n$`,
      ),
    ),
  });
  expect(await run('logs', id)).toEqual({ exitCode: 0, stdout: 'out\n', stderr: 'err\n' });
  const [listed] = JSON.parse((await run('ps', name, '--json')).stdout);
  expect(listed).toMatchObject({
    id,
    state: 'running',
    result: null,
    stdoutLength: 4,
    pid: expect.any(Number),
  });
  expect(await run('kill', name, id)).toEqual({
    exitCode: 0,
    stdout: `${id} signaled SIGKILL\n`,
    stderr: '',
  });
  expect((await run('ps')).stdout).toMatch(new RegExp(`${id} +signaled SIGKILL`));
  const logs = JSON.parse((await run('logs', '--json', '--workspace', '.', id)).stdout);
  expect(logs).toMatchObject({ sandbox: name, id, stdout: 'out\n', stderr: 'err\n', stdoutTruncated: false });
});

it('--json tells all that is known of what was started', async () => {
  const { stdout } = await detach('--json', '--', 'sh', '-c', 'exit 3');
  const { id, ...started } = JSON.parse(stdout);
  expect(started).toMatchObject({ runtime: 'reference', sandbox: name, command: ['sh', '-c', 'exit 3'] });
  const killed = JSON.parse((await run('kill', '--json', id)).stdout);
  expect(killed).toMatchObject({ id, state: 'ended', result: { ending: 'exited', exitCode: 3 } });
});

it('--follow goes on to the end of the command, and --json makes lines of it', async () => {
  const id = await detached('echo one; until [ -e go ]; do sleep 0.05; done; echo two >&2; printf ü');
  const following = start(['logs', '--follow', id]);
  const asLines = start(['logs', '-f', '--json', id]);
  await Promise.all([following.shows('one'), asLines.shows('one')]);
  expect((await run('exec', '--name', name, '--', 'touch', 'go')).exitCode).toBe(0);
  const { stdout, stderr, exitCode } = await following.result;
  expect([stdout.toString(), stderr, exitCode]).toEqual(['one\nü', 'two\n', 0]);
  const lines = (await asLines.result).stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const text = (stream: string) =>
    lines
      .filter((line) => line.stream === stream)
      .map((line) => line.text)
      .join('');
  expect([text('stdout'), text('stderr')]).toEqual(['one\nü', 'two\n']);
});

it('Ctrl-C ends the following, and not the command', async () => {
  const id = await detached('echo on; exec sleep 600');
  const following = start(['logs', '-f', id]);
  await following.shows('on');
  following.child.kill('SIGINT');
  expect((await following.result).exitCode).toBe(130);
  expect((await run('ps')).stdout).toMatch(new RegExp(`${id} +running`));
  expect((await run('kill', '--signal', 'TERM', id)).stdout).toMatch(new RegExp(`^${id} `));
  expect((await run('kill', '--signal', 'NOTHING', id)).exitCode).toBe(2);
  const graced = await run('kill', '--grace', '5s', id);
  expect(graced).toEqual({ exitCode: 0, stdout: `${id} signaled SIGTERM\n`, stderr: '' });
});

it('what could not be run is said at once, with its exit code', async () => {
  const missing = await detach('--', 'no-such-program');
  expect(missing).toEqual({
    exitCode: 127,
    stdout: expect.stringMatching(/^[0-9a-f]{8}-\d+\n$/),
    stderr: expect.stringMatching(/no-such-program: not found in PATH/),
  });
  expect(await detach('-w', '/no/such', '--', 'true')).toMatchObject({ exitCode: 125, stdout: '' });
});

it('what cannot be is refused in words', async () => {
  for (const [words, message] of [
    [['logs'], 'no command is named'],
    [['kill', '--signal', 'TERM', '--grace', '1s', 'x-1'], '--signal and --grace exclude each other'],
    [['logs', name, 'not an id'], 'not an id'],
    [['exec', '--detach', '--tty', '--', 'true'], '--detach and --tty exclude each other'],
    [['exec', '--detach', '--user', '0', '--', 'true'], '--detach and --user exclude each other'],
    [['exec', '--detach', '--ephemeral', '--', 'true'], '--detach and --ephemeral exclude each other'],
  ] as const) {
    const { exitCode, stderr, stdout } = await run(...words);
    expect([words, exitCode, stdout]).toEqual([words, 2, '']);
    expect(stderr).toContain(message);
    expect(stderr).toContain('hint: ');
  }
  const unknown = await run('logs', '01234567-1');
  expect(unknown).toMatchObject({ exitCode: 125, stderr: expect.stringContaining('no detached command') });
  expect(JSON.parse((await run('kill', '--json', '01234567-1')).stdout).error.code).toBe('NOT_FOUND');
});

it('a stopped sandbox has none, and is left as it is', async () => {
  const id = await detached('exec sleep 600');
  expect((await run('stop', name)).exitCode).toBe(0);
  expect(await run('ps')).toEqual({ exitCode: 0, stdout: 'no detached commands\n', stderr: '' });
  expect(await run('logs', id)).toMatchObject({
    exitCode: 125,
    stderr: expect.stringContaining('does not run'),
  });
  expect((await run('ls')).stdout).toMatch(/stopped/);
});
