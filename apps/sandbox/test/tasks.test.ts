import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROJECT_HOST_IDS, PROJECT_SUBORDINATE_IDS, type RuntimeAdapter } from '@sandbox/core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { scope, startApp } from './app.ts';
import { loadAdapter, namedRuntimes } from './runtimes.ts';

const holder = fileURLToPath(new URL('open-task.ts', import.meta.url));
/** Projects of this file's own: an engine has one volume of a name, whatever its scope. */
const mark = randomBytes(4).toString('hex');

describe.each(namedRuntimes)('tasks on %s', (runtime) => {
  let state: string;
  let adapter: RuntimeAdapter;
  let env: NodeJS.ProcessEnv;
  const [web, shop] = [`web.${mark}`, `shop.${mark}`];

  beforeAll(async () => {
    state = mkdtempSync(path.join(tmpdir(), `sandbox-tasks-${runtime}-`));
    env = { SANDBOX_STATE_DIR: state, XDG_STATE_HOME: state, SANDBOX_USER: 'ann' };
    // Where a runtime keeps its own files, this program must find those of the others.
    vi.stubEnv('SANDBOX_STATE_DIR', state);
    adapter = await loadAdapter(runtime);
  });
  afterEach(async () => {
    const labels = { 'dev.sandbox.scope': scope };
    for (const { name } of await adapter.list(labels)) await adapter.remove(name);
    for (const { name } of (await adapter.volumes?.list(labels)) ?? []) await adapter.volumes?.remove(name);
    expect(await adapter.list(labels)).toEqual([]);
    expect(await adapter.volumes?.list(labels)).toEqual([]);
  });
  afterAll(async () => {
    await adapter.close();
    vi.unstubAllEnvs();
    rmSync(state, { recursive: true, force: true });
  });

  async function app(...words: string[]) {
    const isGroup = ['task', 'volumes'].includes(words[0] ?? '');
    const [command, rest] = [words.slice(0, isGroup ? 2 : 1), words.slice(isGroup ? 2 : 1)];
    const all = [...command, '--runtime', runtime, ...rest];
    const { exitCode, stdout, stderr } = await startApp(all, { env, cwd: state, input: '' }).result;
    return { exitCode, stdout: stdout.toString(), stderr };
  }
  const exec = (project: string, task: string, script: string, ...options: string[]) =>
    app('exec', '--project', project, '--task', task, ...options, '--', 'sh', '-c', script);
  const end = (project: string, task: string) => app('task', 'end', '--project', project, '--task', task);
  const names = async () =>
    (JSON.parse((await app('ls', '--json')).stdout) as { name: string }[]).map(({ name }) => name);

  it('have a sandbox each, and at /workspace what survives them', async () => {
    const first = await exec(web, 'a', 'echo kept > made; touch /usr/made; stat -c %u:%g . made; id -u');
    expect(first.stderr).toContain('Read-only file system');
    const ids = first.stdout.split('\n').filter(Boolean);
    const uid = ids.at(-1);
    expect(new Set(ids)).toEqual(new Set([`${uid}:${uid}`, uid]));
    // What was told when it was made is not told again, and everything that was asked for is seen to hold.
    const again = await exec(web, 'a', 'cat made');
    expect(again).toEqual({ exitCode: 0, stdout: 'kept\n', stderr: '' });
    expect(await names()).toEqual([`sandbox-${web}-a`]);
    // Another task of the project is another sandbox with the same volume and user, another project sees nothing of it.
    expect((await exec(web, 'b', 'cat made; echo b >> made; id -u')).stdout).toBe(`kept\n${uid}\n`);
    expect((await exec(shop, 'a', 'ls -A; id -u')).stdout).toMatch(/^\d+\n$/);
    expect((await end(web, 'a')).stdout).toBe(`${web}/a\n`);
    expect(await end(web, 'a')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect((await names()).sort()).toEqual([`sandbox-${shop}-a`, `sandbox-${web}-b`]);
    await end(web, 'b');
    expect((await exec(web, 'c', 'cat made')).stdout).toBe('kept\nb\n');
  });

  it('are one for programs that ask at the same moment', async () => {
    const words = ['a', 'b', 'c', 'd'];
    const outcomes = await Promise.all(words.map((word) => exec(web, 'a', `echo ${word}`)));
    expect(outcomes.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual(
      words.map((word) => [0, `${word}\n`]),
    );
    expect(await names()).toHaveLength(1);
  });

  it('of another user’s project are refused', async () => {
    await exec(web, 'a', 'true');
    for (const task of ['a', 'b']) {
      const refused = await exec(web, task, 'echo ran', '--user-name', 'bob');
      expect(refused).toMatchObject({ exitCode: 125, stdout: '' });
      expect(refused.stderr).toMatch(/^sandbox: .* belongs to another user\nhint: /m);
    }
    expect(await names()).toHaveLength(1);
  });

  it('are listed with their volume, which is removed when they have ended', async () => {
    await exec(web, 'a', 'echo kept > made');
    const [volume, ...others] = JSON.parse((await app('volumes', 'ls', '--json')).stdout);
    expect(others).toEqual([]);
    expect(volume).toMatchObject({ project: web, runtime, user: 'ann', tasks: ['a'] });
    const [uid] = volume.ids.split(':').map(Number);
    const ranges = [PROJECT_HOST_IDS, PROJECT_SUBORDINATE_IDS];
    expect(ranges.some(({ first, count }) => uid >= first && uid < first + count)).toBe(true);
    const refused = await app('volumes', 'rm', web);
    expect(refused).toMatchObject({ exitCode: 125, stdout: '' });
    expect(refused.stderr).toMatch(/^sandbox: .*in use by a task: a\nhint: .*sandbox task end --project/);
    expect(await app('volumes', 'prune')).toMatchObject({ exitCode: 2, stdout: '' });
    await end(web, 'a');
    // Nothing is asked without a terminal, and nothing goes that would have to be asked about.
    expect(await app('volumes', 'prune')).toMatchObject({ exitCode: 2, stdout: '' });
    expect((await app('volumes', 'prune', '--dry-run')).stdout).toMatch(/^would remove /);
    expect(await app('volumes', 'rm', web)).toEqual({ exitCode: 0, stdout: `${web}\n`, stderr: '' });
    expect((await app('volumes', 'ls')).stdout).toBe('no volumes\n');
  });

  it('go with the program that made them, and their volumes do not', async () => {
    const child = spawn(process.execPath, [holder, runtime, web, 'a'], {
      env: { ...process.env, ...env, SANDBOX_SCOPE: scope },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    await exec(web, 'b', 'true');
    expect((await names()).sort()).toEqual([`sandbox-${web}-a`, `sandbox-${web}-b`]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    // Its session ends when its agent has seen that nobody is there any more.
    const until = performance.now() + 60_000;
    while ((await names()).length > 1 && performance.now() < until);
    expect(await names()).toEqual([`sandbox-${web}-b`]);
    expect((await exec(web, 'b', 'cat made')).stdout).toBe('here\n');
  });
});
