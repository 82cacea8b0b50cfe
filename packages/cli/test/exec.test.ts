import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { referenceAdapter } from './reference-cli.ts';
import { startProgram } from './run-program.ts';

const program = fileURLToPath(new URL('program.ts', import.meta.url));
let base: string;
let workspace: string;
let env: NodeJS.ProcessEnv;
beforeEach(() => {
  base = mkdtempSync(path.join(tmpdir(), 'sandbox-exec-'));
  // Commands run as another user, who must get there.
  chmodSync(base, 0o755);
  workspace = path.join(base, 'web');
  mkdirSync(workspace);
  const state = path.join(base, 'state');
  env = {
    ...{ REFERENCE_DIRECTORY: path.join(base, 'sandboxes'), HOME: path.join(base, 'home') },
    ...{ SANDBOX_STATE_DIR: state, XDG_STATE_HOME: state },
  };
});
afterEach(async () => {
  const left = JSON.parse((await sandbox('ls', '--json')).stdout) as { name: string }[];
  for (const { name } of left) await sandbox('rm', '-f', name);
  rmSync(base, { recursive: true, force: true });
});

type Options = { cwd?: string; input?: string; env?: NodeJS.ProcessEnv };
const start = (words: readonly string[], { cwd = workspace, ...options }: Options = {}) =>
  startProgram([process.execPath, program, ...words], { ...options, cwd, env: { ...env, ...options.env } });
async function sandboxWith(options: Options, ...words: string[]) {
  const { exitCode, stdout, stderr } = await start(words, { input: '', ...options }).result;
  return { exitCode, stdout: stdout.toString(), stderr };
}
const sandbox = (...words: string[]) => sandboxWith({}, ...words);
// The reference adapter mounts nothing, so nothing is asked to be mounted.
const exec = (...words: string[]) => sandbox('exec', '--workspace-access', 'none', ...words);
const sh = (script: string, ...options: string[]) => exec(...options, '--', 'sh', '-c', script);
const names = async () =>
  (JSON.parse((await sandbox('ls', '--json')).stdout) as { name: string; workspace: string }[]).map(
    (one) => one.name,
  );

describe('sandbox exec', () => {
  it('makes a sandbox once, and keeps what was written into it', async () => {
    expect(await sh('echo kept > ~/file; echo out; echo err >&2; exit 7')).toMatchObject({
      exitCode: 7,
      stdout: 'out\n',
      stderr: expect.stringMatching(/^err$/m),
    });
    const [name = ''] = await names();
    expect(name).toMatch(/^sandbox-web-[0-9a-f]{12}$/);
    // The limits that this runtime does not have were told when it was made.
    const kept = { exitCode: 0, stdout: 'kept\n', stderr: expect.not.stringContaining('memory') };
    expect(await sh('cat ~/file')).toEqual(kept);
    expect(await sandbox('exec', '--name', name, '--', 'sh', '-c', 'cat ~/file')).toEqual(kept);
    expect(await names()).toEqual([name]);
  });

  it('ends as the command does', async () => {
    expect((await sh('kill -TERM $$')).exitCode).toBe(143);
    expect((await exec('--', 'no-such-program')).exitCode).toBe(127);
    const late = await sh('echo started; exec sleep 60', '--timeout', '3s');
    expect(late).toMatchObject({ exitCode: 124, stderr: expect.stringContaining('--timeout') });
    const json = await sh('cat; exit 3', '--json', '-e', 'A=b');
    expect(json.exitCode).toBe(3);
    expect(JSON.parse(json.stdout)).toMatchObject({ runtime: 'reference', ending: 'exited', exitCode: 3 });
    const piped = await sandboxWith({ input: 'typed' }, 'exec', '--workspace-access', 'none', 'cat');
    expect(piped).toMatchObject({ exitCode: 0, stdout: 'typed' });
    expect(await names()).toHaveLength(1);
  });

  it('passes signals on, and leaves the sandbox', async () => {
    const script = 'trap "echo got it; exit 5" TERM; echo ready; while :; do sleep 0.05; done';
    const app = start(['exec', '--workspace-access', 'none', '--', 'sh', '-c', script]);
    await app.shows('ready');
    app.child.kill('SIGTERM');
    const { exitCode, stdout } = await app.result;
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 5, stdout: 'ready\ngot it\n' });
    expect((await sh('echo well')).stdout).toBe('well\n');
  });

  it('takes place and environment of each command, and none of another’s', async () => {
    expect((await sh('pwd; echo $A', '--workdir', '/usr', '-e', 'A=b')).stdout).toBe('/usr\nb\n');
    expect((await sh('pwd; echo "<$A>"')).stdout).toMatch(/\n<>\n$/);
    expect((await sh('pwd')).stdout).not.toBe('/usr\n');
  });

  it('starts a sandbox that was stopped, and makes one again that is gone', async () => {
    await sh('echo kept > ~/file');
    const [name = ''] = await names();
    expect(await sandbox('stop')).toEqual({ exitCode: 0, stdout: `${name}\n`, stderr: '' });
    expect(JSON.parse((await sandbox('inspect', '--json')).stdout)).toMatchObject({ name, state: 'stopped' });
    expect((await sh('cat ~/file')).stdout).toBe('kept\n');
    await sandbox('stop', name);
    expect((await sandbox('exec', '--name', name, '--', 'echo', 'hi')).stdout).toBe('hi\n');
    await sandbox('stop', '--workspace', workspace);
    expect(JSON.parse((await sandbox('start', '--json')).stdout)).toEqual({ started: [name], failed: [] });
    // Behind our back, as an engine's own command would.
    await referenceAdapter(env.REFERENCE_DIRECTORY).remove(name);
    expect((await sh('cat ~/file')).stdout).toBe('kept\n');
    expect(await names()).toEqual([name]);
  });

  it('refuses a stricter request, and makes it again when told to, with its home', async () => {
    await sh('echo kept > ~/file', '--network', 'full');
    const refused = await sh('true', '--network', 'none');
    expect(refused).toMatchObject({ exitCode: 125, stdout: '' });
    expect(refused.stderr).toMatch(/^sandbox: .*network full instead of none\nhint: .*--recreate/);
    expect((await sh('cat ~/file', '--recreate')).stdout).toBe('kept\n');
  });

  it('gives one that is gone afterwards with --ephemeral, and where none can be kept', async () => {
    const network = ['--network', 'full'];
    expect(await sh('echo once', '--ephemeral', ...network)).toMatchObject({ exitCode: 0, stdout: 'once\n' });
    expect(await names()).toEqual([]);
    const unable = { env: { REFERENCE_KEEPS: 'nothing' } };
    const words = ['exec', '--workspace-access', 'none', ...network];
    const fallen = await sandboxWith(unable, ...words, '--', 'echo', 'once');
    expect(fallen).toMatchObject({ exitCode: 0, stdout: 'once\n' });
    expect(fallen.stderr).toMatch(/^sandbox: warning: .*reference cannot keep a sandbox/m);
    const refused = await sandboxWith(unable, ...words, '--long-lived', '--', 'echo', 'ran');
    expect(refused).toMatchObject({ exitCode: 125, stdout: '' });
    expect(refused.stderr).toMatch(/^sandbox: .*long-lived/);
    expect(await names()).toEqual([]);
  });

  it('refuses root where the sandbox was not made for it, and says how to', async () => {
    await sh('true');
    const refused = await sh('echo ran', '--user', 'root');
    expect(refused).toMatchObject({ exitCode: 125, stdout: '' });
    expect(refused.stderr).toMatch(/^sandbox: .*root\nhint: .*--allow-root/);
  });

  it('refuses the sandbox of another user', async () => {
    await exec('--user-name', 'ann', '--', 'true');
    const [name = ''] = await names();
    for (const words of [
      ['exec', '--workspace-access', 'none', '--user-name', 'bob', '--', 'echo', 'ran'],
      ['exec', '--name', name, '--user-name', 'bob', '--', 'echo', 'ran'],
      ['cp', '--user-name', 'bob', ':/etc/hosts', '.'],
    ]) {
      const refused = await sandbox(...words);
      expect(refused).toMatchObject({ exitCode: 125, stdout: '' });
      expect(refused.stderr).toMatch(/^sandbox: .*another user\nhint: /);
    }
    expect((await exec('--user-name', 'ann', '--', 'echo', 'ran')).stdout).toBe('ran\n');
  });

  it('gives programs that start at once the same one', async () => {
    const outcomes = await Promise.all(['a', 'b', 'c'].map((word) => exec('--', 'echo', word)));
    expect(outcomes.map(({ stdout }) => stdout)).toEqual(['a\n', 'b\n', 'c\n']);
    expect(await names()).toHaveLength(1);
  });
});

describe('the workspace of those who name none', () => {
  const where = async (cwd: string) => {
    const words = ['exec', '--workspace-access', 'none', '--json', '--', 'true'];
    return JSON.parse((await sandboxWith({ cwd }, ...words)).stdout).sandbox as string;
  };

  it('is that of the repository, unless a sandbox is nearer', async () => {
    const below = path.join(workspace, 'part', 'src');
    mkdirSync(below, { recursive: true });
    writeFileSync(path.join(workspace, '.git'), 'gitdir: elsewhere');
    expect(await where(below)).toMatch(/^sandbox-web-/);
    await exec('--workspace', path.join(workspace, 'part'), '--', 'true');
    expect(await where(below)).toMatch(/^sandbox-part-/);
    expect(await where(workspace)).toMatch(/^sandbox-web-/);
    const [part = '', web = ''] = await names();
    const stopped = await sandboxWith({ cwd: below }, 'stop');
    expect(stopped.stdout).toBe(`${part}\n`);
    expect((await sandboxWith({ cwd: workspace }, 'inspect')).stdout).toContain(web);
  });

  it('is no home and no directory of the system, unless that is spelled out', async () => {
    const home = env.HOME as string;
    mkdirSync(home);
    const refused = await sandboxWith({ cwd: home }, 'exec', '--', 'echo', 'ran');
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
    expect(refused.stderr).toMatch(/^sandbox: .*your home directory\nhint: .*--workspace/);
    for (const command of ['stop', 'inspect', 'shell', 'exec']) {
      const words = command === 'exec' ? ['exec', '--', 'echo', 'ran'] : [command];
      expect(await sandboxWith({ cwd: '/opt' }, ...words)).toMatchObject({ exitCode: 2, stdout: '' });
    }
    expect(await names()).toEqual([]);
    const spelled = ['exec', '--workspace-access', 'none', '--workspace', '.', '--', 'echo', 'ran'];
    expect(await sandboxWith({ cwd: '/opt' }, ...spelled)).toMatchObject({ exitCode: 0, stdout: 'ran\n' });
  });

  it('is the same by any name', async () => {
    symlinkSync(workspace, path.join(base, 'link'));
    await exec('--', 'true');
    const linked = await exec('--workspace', path.join(base, 'link'), '--', 'true');
    expect(linked.exitCode).toBe(0);
    expect(await names()).toHaveLength(1);
    expect((await sandbox('rm', '--workspace', path.join(base, 'link'))).exitCode).toBe(0);
  });

  it('is named where it has no sandbox', async () => {
    for (const words of [['inspect'], ['stop'], ['start'], ['cp', ':a', 'b'], ['rm', '--workspace', '.']]) {
      const { exitCode, stderr } = await sandbox(...words);
      expect(exitCode).toBe(125);
      expect(stderr).toMatch(/^sandbox: the workspace .*\/web has no sandbox\nhint: .*sandbox exec/);
    }
  });
});

describe('sandbox cp', () => {
  const guest = () => path.join(base, 'guest');
  beforeEach(async () => {
    mkdirSync(guest());
    chmodSync(guest(), 0o777);
    await exec('--', 'true');
  });

  it('copies files and directories both ways, and tells what', async () => {
    mkdirSync(path.join(workspace, 'dir', 'sub'), { recursive: true });
    writeFileSync(path.join(workspace, 'dir', 'sub', 'file'), 'content');
    const there = guest();
    expect((await sandbox('cp', 'dir', `:${there}`)).stdout).toMatch(/guest\/dir: 7 B in 2 entries\n$/);
    expect(readFileSync(path.join(there, 'dir/sub/file'), 'utf8')).toBe('content');
    const [name = ''] = await names();
    const out = await sandbox('cp', '--json', `${name}:${there}/dir/sub/file`, 'copy');
    expect(JSON.parse(out.stdout)).toEqual({
      from: `${name}:${there}/dir/sub/file`,
      to: path.join(workspace, 'copy'),
      entries: 1,
      bytes: 7,
    });
    expect(readFileSync(path.join(workspace, 'copy'), 'utf8')).toBe('content');
    await sandbox('cp', `:${there}/dir/.`, 'new');
    expect(existsSync(path.join(workspace, 'new/sub/file'))).toBe(true);
    await sandbox('stop');
    expect((await sandbox('cp', 'copy', `:${there}/`)).exitCode).toBe(0);
    expect(existsSync(path.join(there, 'copy'))).toBe(true);
  });

  it('says what is not there, and what is in the way', async () => {
    writeFileSync(path.join(workspace, 'file'), '');
    mkdirSync(path.join(workspace, 'dir'));
    const rows = [
      [['cp', 'nothing', `:${guest()}`], /nothing on the host: no such file or directory\n$/],
      [['cp', `:${guest()}/nothing`, '.'], /guest\/nothing: no such file/],
      [['cp', `:${guest()}`, 'file'], /guest is a directory, and file is there and is none/],
      [['cp', 'file', 'no-such-sandbox:/tmp'], /no sandbox no-such-sandbox/],
    ] as const;
    for (const [words, message] of rows) {
      const { exitCode, stdout, stderr } = await sandbox(...words);
      expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: '' });
      expect(stderr).toMatch(message);
    }
  });

  it('follows no link that a guest has put where the copy is to be', async () => {
    mkdirSync(path.join(guest(), 'dir'));
    writeFileSync(path.join(guest(), 'dir', 'file'), 'planted');
    const outside = path.join(base, 'outside');
    mkdirSync(outside);
    symlinkSync(outside, path.join(workspace, 'dir'));
    expect((await sandbox('cp', `:${guest()}/dir`, '.')).exitCode).toBe(125);
    expect(existsSync(path.join(outside, 'file'))).toBe(false);
    // Whoever names the link means where it leads to.
    expect((await sandbox('cp', `:${guest()}/dir/.`, 'dir')).exitCode).toBe(0);
    expect(existsSync(path.join(outside, 'file'))).toBe(true);
  });
});

describe('sandbox stats', () => {
  it('shows what is used, once without a terminal', async () => {
    await exec('--', 'true');
    const { exitCode, stdout, stderr } = await sandbox('stats');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(
      /^NAME +RUNTIME +STATE +CPU +MEMORY +LIMIT +PIDS +CPU TIME\nsandbox-web-\w+ +reference +running /,
    );
    await sandbox('stop');
    const json = JSON.parse((await sandbox('stats', '--json', '--workspace', '.')).stdout);
    expect(json).toMatchObject([
      { runtime: 'reference', state: 'stopped', memoryBytes: null, cpuPercent: null },
    ]);
    expect((await sandbox('stats', 'no-such-sandbox')).exitCode).toBe(125);
  });
});
