import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createDockerAdapter } from '@sandbox/adapter-docker';
import { createNsjailAdapter } from '@sandbox/adapter-nsjail';
import { LABEL, type RuntimeAdapter } from '@sandbox/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bin, startApp, startOnTerminal } from './app.ts';

const named = (process.env.SANDBOX_RUNTIMES ?? '').split(',');
const isRoot = process.getuid?.() === 0;
const hasScript = spawnSync('script', ['--version']).stdout?.toString().includes('util-linux') ?? false;

let base: string;
let env: NodeJS.ProcessEnv;
beforeAll(() => {
  base = mkdtempSync(path.join(tmpdir(), 'sandbox-kept-'));
  chmodSync(base, 0o755);
  const state = path.join(base, 'state');
  env = { SANDBOX_STATE_DIR: state, XDG_STATE_HOME: state, HOME: path.join(base, 'home') };
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** A directory of an ordinary user's, whoever runs the tests. */
function ownedDirectory(...parts: string[]): string {
  const directory = path.join(base, ...parts);
  mkdirSync(directory, { recursive: true });
  if (isRoot) chownSync(directory, 1000, 1000);
  return directory;
}

/** Whom all that is in a directory belongs to. */
const ownersOf = (directory: string) =>
  new Set(
    readdirSync(directory, { recursive: true }).map(
      (name) => lstatSync(path.join(directory, String(name))).uid,
    ),
  );

const ADAPTERS: readonly [string, () => RuntimeAdapter][] = [
  ['docker', createDockerAdapter],
  ['nsjail', () => createNsjailAdapter({ stateDirectory: path.join(base, 'state', 'nsjail') })],
];

describe.each(ADAPTERS.filter(([runtime]) => named.includes(runtime)))('on %s', (runtime, adapterOf) => {
  let workspace: string;
  beforeEach(() => {
    workspace = ownedDirectory(runtime, 'web');
  });
  afterEach(async () => {
    for (const name of await names()) await app(['rm', '-f', name]);
    expect(await names()).toEqual([]);
    rmSync(path.join(base, runtime), { recursive: true, force: true });
  });

  type Options = { cwd?: string; input?: string };
  async function app(words: readonly string[], { cwd = workspace, input = '' }: Options = {}) {
    const [command = '', ...rest] = words;
    const all = [command, '--runtime', runtime, ...rest];
    const { exitCode, stdout, stderr } = await startApp(all, { env, cwd, input }).result;
    return { exitCode, stdout: stdout.toString(), stderr };
  }
  const exec = (...words: string[]) => app(['exec', ...words]);
  const sh = (script: string, ...options: string[]) => exec(...options, '--', 'sh', '-c', script);
  const list = async (): Promise<{ name: string }[]> =>
    JSON.parse((await app(['ls', '--json'], { cwd: base })).stdout);
  const names = async () => (await list()).map(({ name }) => name);

  it('a workspace has one sandbox, which keeps what is written, and writes as its owner', async () => {
    const first = await sh('echo kept | tee ~/f /var/tmp/f > made; mkdir -p a/b; touch a/b/c; exit 7');
    expect(first, first.stderr).toMatchObject({ exitCode: 7, stdout: '' });
    // What was told when it was made is not told again.
    expect(await sh('cat ~/f /var/tmp/f made')).toEqual({
      exitCode: 0,
      stdout: 'kept\nkept\nkept\n',
      stderr: '',
    });
    const [name = ''] = await names();
    expect((await app(['exec', '--name', name, 'cat', 'made'], { cwd: base })).stdout).toBe('kept\n');
    expect(await names()).toEqual([name]);
    expect(ownersOf(workspace)).toEqual(new Set([lstatSync(workspace).uid]));
  });

  it('it is started when it was stopped, and made again when it is gone', async () => {
    await sh('echo kept > ~/f');
    const [name = ''] = await names();
    expect((await app(['stop'])).stdout).toBe(`${name}\n`);
    expect(JSON.parse((await app(['inspect', '--json'])).stdout)).toMatchObject({ name, state: 'stopped' });
    expect(await sh('cat ~/f')).toEqual({ exitCode: 0, stdout: 'kept\n', stderr: '' });
    await app(['stop']);
    expect((await app(['start', name])).stdout).toBe(`${name}\n`);
    expect(JSON.parse((await app(['inspect', '--json'])).stdout)).toMatchObject({ state: 'running' });
    const adapter = adapterOf();
    await adapter.remove(name);
    expect(await list()).toMatchObject([{ name, state: 'missing', workspace, lifecycle: 'long-lived' }]);
    const refused = await app(['exec', '--name', name, 'true']);
    expect(refused).toMatchObject({
      exitCode: 125,
      stderr: expect.stringMatching(/is missing\nhint: .*again/),
    });
    const others = await app([
      'exec',
      '--workspace',
      workspace,
      '--user-name',
      'bob',
      'cat',
      '/home/sandbox/f',
    ]);
    expect(others).toMatchObject({ exitCode: 125, stdout: '' });
    expect(await sh('cat ~/f')).toMatchObject({
      ...{ exitCode: 0, stdout: 'kept\n', stderr: expect.stringContaining('made again with its home') },
    });
    expect(await list()).toMatchObject([{ name, state: 'running' }]);
    await adapter.remove(name);
    expect(await app(['rm', '-f', name])).toMatchObject({ exitCode: 0, stdout: `${name}\n` });
    expect(await names()).toEqual([]);
    expect(await adapter.volumes?.list({ [LABEL.name]: name })).toEqual([]);
    await adapter.close();
  });

  it('programs that open it at once get one', async () => {
    const words = ['a', 'b', 'c', 'd'];
    const outcomes = await Promise.all(words.map((word) => exec('--', 'echo', word)));
    expect(outcomes.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual(
      words.map((word) => [0, `${word}\n`]),
    );
    expect(await names()).toHaveLength(1);
  });

  it('a stricter request is refused, and made again keeps home and workspace', async () => {
    await sh('echo kept > ~/f; echo work > made');
    const stricter = ['--pids', '200'];
    const refused = await sh('echo ran', ...stricter);
    expect(refused).toMatchObject({ exitCode: 125, stdout: '' });
    expect(refused.stderr).toMatch(/^sandbox: .*pids 1024 instead of 200\nhint: .*--recreate/);
    expect((await sh('cat ~/f made', '--recreate', ...stricter)).stdout).toBe('kept\nwork\n');
    expect(await sh('echo ran', ...stricter)).toEqual({ exitCode: 0, stdout: 'ran\n', stderr: '' });
    const details = JSON.parse((await app(['inspect', '--json'])).stdout);
    expect(details.enforcement.pids).toMatchObject({ effective: 200 });
  });

  it('root comes in where it was made for that, and nowhere else', async () => {
    const refused = await sh('echo ran', '--user', 'root');
    expect(refused).toMatchObject({ exitCode: 125, stdout: '' });
    expect(refused.stderr).toMatch(/^sandbox: .*cannot be entered as root\nhint: .*--allow-root.*--recreate/);
    const script = 'id -u; touch /var/tmp/roots; stat -c %u /var/tmp/roots';
    const allowed = await sh(script, '--recreate', '--allow-root', '--user', 'root');
    expect(allowed).toMatchObject({ exitCode: 0, stdout: '0\n0\n' });
    expect((await sh('id -u; stat -c %u /var/tmp/roots')).stdout).toBe('1000\n0\n');
    expect((await sh('id -u', '--user', 'root')).stdout).toBe('0\n');
  });

  it.runIf(isRoot)('a workspace of root’s is entered as root by those who say so', async () => {
    chownSync(workspace, 0, 0);
    const refused = await sh('echo ran');
    expect(refused).toMatchObject({ exitCode: 125, stdout: '' });
    expect(refused.stderr).toMatch(/^sandbox: .*belongs to root.*\nhint: .*--user 0/);
    const entered = await sh('id -u; touch made', '--user', '0', '--allow-root');
    expect(entered).toMatchObject({ exitCode: 0, stdout: '0\n' });
    expect(await sh('id -u')).toMatchObject({ exitCode: 0, stdout: '0\n' });
  });

  it('the sandbox of another user is refused', async () => {
    await sh('true', '--user-name', 'ann');
    const [name = ''] = await names();
    const refused = await sh('echo ran', '--user-name', 'bob');
    expect(refused).toMatchObject({ exitCode: 125, stdout: '' });
    expect(refused.stderr).toMatch(/^sandbox: .*belongs to another user\nhint: /);
    expect(await names()).toEqual([name]);
  });

  it('an ephemeral one leaves nothing', async () => {
    expect(await sh('cat; id -u', '--ephemeral')).toMatchObject({ exitCode: 0, stdout: '1000\n' });
    expect(await names()).toEqual([]);
  });

  it('what a guest may have put in the place of a workspace is not mounted', async () => {
    // Its parent is a workspace too, as that of a part of a repository is.
    const part = ownedDirectory(runtime, 'web', 'part');
    await exec('--workspace', part, '--', 'true');
    const [name = ''] = await names();
    await app(['stop', name]);
    const secret = path.join(base, 'secret');
    mkdirSync(secret, { recursive: true });
    renameSync(part, `${part}.before`);
    symlinkSync(secret, part);
    for (const words of [
      ['start', name],
      ['exec', '--name', name, '--', 'ls', '/workspace'],
    ]) {
      const { exitCode, stdout, stderr } = await app(words);
      expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: '' });
      expect(stderr).toMatch(/^sandbox: the workspace .*\/part now leads to .*\/secret\nhint: /);
    }
    rmSync(part);
  });

  it('files and directories are copied in and out, as the guest’s and as ours', async () => {
    const outside = path.join(base, `${runtime}-files`);
    mkdirSync(path.join(outside, 'dir', 'sub'), { recursive: true });
    writeFileSync(path.join(outside, 'dir', 'sub', 'script'), '#!/bin/sh\necho ran\n', { mode: 0o755 });
    await exec('--', 'true');
    const at = { cwd: outside };
    const to = ['--workspace', workspace];
    expect((await app(['cp', ...to, 'dir', ':/tmp'], at)).stdout).toMatch(
      /:\/tmp\/dir: 19 B in 2 entries\n$/,
    );
    expect((await app(['cp', ...to, 'dir', ':'], at)).exitCode).toBe(0);
    expect((await sh('stat -c %u dir/sub/script; dir/sub/script')).stdout).toBe('1000\nran\n');
    const [name = ''] = await names();
    expect((await app(['cp', `${name}:/workspace/dir/.`, 'copy'], at)).exitCode).toBe(0);
    expect(readFileSync(path.join(outside, 'copy', 'sub', 'script'), 'utf8')).toContain('echo ran');
    const forbidden = await app(['cp', ...to, 'dir', ':/etc/dir'], at);
    expect(forbidden).toMatchObject({ exitCode: 125, stdout: '' });
    expect(forbidden.stderr).toMatch(/^sandbox: .*\nhint: /);
    expect(ownersOf(workspace)).toEqual(new Set([1000]));
  });

  it('what it uses is shown', async () => {
    await exec('--', 'true');
    const [row] = JSON.parse((await app(['stats', '--json'])).stdout);
    expect(row).toMatchObject({ runtime, state: 'running', memoryBytes: expect.any(Number) });
    expect((await app(['stats', '--workspace', '.'])).stdout).toMatch(/^sandbox-web-\w+ +\w+ +running /m);
  });

  it.runIf(hasScript)('a shell has our terminal and ~/.bashrc, and its exit code is ours', async () => {
    await sh('echo "alias greet=\'echo hello from\'" > ~/.bashrc');
    const line = `'${process.execPath}' '${bin}' shell --runtime ${runtime}; echo "exit $?"`;
    const terminal = startOnTerminal(`cd '${workspace}'; stty rows 40 cols 100; tty; ${line}`, {
      env: { ...env, TERM: 'xterm', SHELL: '/bin/bash' },
    });
    const type = (text: string) => terminal.child.stdin?.write(`${text}\r`);
    const pty = /\/dev\/pts\/\d+/.exec(await terminal.shows(/\/dev\/pts\/\d+\r\n/))?.[0] ?? '';
    type("greet 'the she''ll'; stty size; echo $SHELL; pwd");
    const shown = await terminal.shows('/workspace\r\n');
    expect(shown).toMatch(/^hello from the shell\r\n40 100\r\n\S*\/bash\r\n/m);
    // A trap of SIGWINCH would miss what comes while its own command runs: `stty` sets rows and columns one after the other.
    type("echo rea''dy; until stty size | grep '33 77'; do sleep 0.1; done");
    await terminal.shows('ready\r\n');
    spawnSync('stty', ['-F', pty, 'rows', '33', 'cols', '77']);
    await terminal.shows('\n33 77\r\n');
    type('exit 9');
    await terminal.shows(/^exit 9\r\n/m);
    terminal.child.stdin?.end();
    await terminal.result;
    expect(await names()).toHaveLength(1);
  });
});

describe.skipIf(!named.includes('docker') || !named.includes('nsjail'))('without a runtime’s name', () => {
  it('a sandbox is found where it is, and no second one is made elsewhere', async () => {
    const cwd = ownedDirectory('auto', 'web');
    const app = async (...words: string[]) => {
      const { exitCode, stdout, stderr } = await startApp(words, { env, cwd, input: '' }).result;
      return { exitCode, stdout: stdout.toString(), stderr };
    };
    const runtimeOf = async (...words: string[]) =>
      JSON.parse((await app('exec', '--json', ...words, '--', 'true')).stdout).runtime;
    expect(await runtimeOf('--runtime', 'nsjail')).toBe('nsjail');
    expect(await runtimeOf()).toBe('nsjail');
    expect(await runtimeOf('--recreate')).toBe('nsjail');
    const refused = await app('exec', '--runtime', 'docker', '--', 'echo', 'ran');
    expect(refused).toMatchObject({ exitCode: 125, stdout: '' });
    expect(refused.stderr).toMatch(/^sandbox: .* at nsjail, not at docker\nhint: .*--runtime nsjail/);
    expect((await app('rm', '-f', '--workspace', '.')).exitCode).toBe(0);
    expect((await app('ls', '--json')).stdout).toBe('[]\n');
  });
});
