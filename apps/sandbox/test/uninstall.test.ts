import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApp } from './app.ts';
import { namedRuntimes } from './runtimes.ts';

/** What Docker has left, its own engine tells: see `private-engine.test.ts`. */
describe.skipIf(!namedRuntimes.includes('nsjail'))('uninstall on nsjail', () => {
  let directory: string;
  let env: NodeJS.ProcessEnv;
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'sandbox-uninstall-'));
    chmodSync(directory, 0o711);
    env = {
      ...{ SANDBOX_STATE_DIR: path.join(directory, 'state'), SANDBOX_SCOPE: '' },
    };
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const app = async (words: readonly string[]) => {
    const { exitCode, stdout, stderr } = await startApp(words, { env, input: '' }).result;
    return { exitCode, stdout: stdout.toString(), stderr };
  };

  /** Of sandboxes of this state directory. */
  function cgroups(below = '/sys/fs/cgroup', depth = 3): string[] {
    const key = createHash('sha256').update(path.join(directory, 'state/nsjail')).digest('hex').slice(0, 8);
    if (depth === 0) return [];
    return readdirSync(below, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) => {
        const found = name.startsWith(`${key}-`) ? [path.join(below, name)] : [];
        return [...found, ...cgroups(path.join(below, name), depth - 1)];
      });
  }

  it('leaves no sandbox, no volume, no agent, no directory and no cgroup', async () => {
    const state = path.join(directory, 'state/nsjail');
    for (const name of ['one', 'other']) {
      const workspace = path.join(directory, name);
      mkdirSync(workspace);
      if (process.getuid?.() === 0) chownSync(workspace, 1000, 1000);
      const words = ['exec', '--runtime', 'nsjail', '--workspace', workspace, '--network', 'none'];
      expect(await app([...words, '--', 'sh', '-c', 'echo kept > ~/kept'])).toMatchObject({ exitCode: 0 });
    }
    expect(readdirSync(path.join(state, 'sandboxes'))).toHaveLength(2);
    const df = JSON.parse((await app(['df', '--json', '--runtime', 'nsjail'])).stdout) as {
      kind: string;
      name: string;
    }[];
    expect(df.map(({ kind, name }) => (kind === 'extra' ? name : kind))).toEqual(
      expect.arrayContaining(['sandbox', 'volume', 'agents', 'registry']),
    );
    const { exitCode, stdout, stderr } = await app(['uninstall', '--yes', '--json', '--runtime', 'nsjail']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ left: [] });
    expect(existsSync(state)).toBe(false);
    expect(cgroups()).toEqual([]);
    expect(await app(['ls', '--runtime', 'nsjail'])).toMatchObject({ stdout: 'no sandboxes\n', stderr: '' });
  });

  it('leaves what another scope has, with all that it needs', async () => {
    const workspace = path.join(directory, 'work');
    mkdirSync(workspace);
    if (process.getuid?.() === 0) chownSync(workspace, 1000, 1000);
    const words = ['exec', '--runtime', 'nsjail', '--workspace', workspace, '--network', 'none', '--'];
    env = { ...env, SANDBOX_SCOPE: 'others' };
    expect(await app([...words, 'sh', '-c', 'echo kept > ~/kept'])).toMatchObject({ exitCode: 0 });
    env = { ...env, SANDBOX_SCOPE: '' };
    const { exitCode, stderr } = await app(['uninstall', '--yes', '--runtime', 'nsjail']);
    expect(exitCode).toBe(125);
    expect(stderr).toMatch(/^sandbox: nsjail: the extra agents is still there: something still uses it$/m);
    env = { ...env, SANDBOX_SCOPE: 'others' };
    expect(await app([...words, 'sh', '-c', 'cat ~/kept'])).toMatchObject({ exitCode: 0, stdout: 'kept\n' });
    expect(await app(['uninstall', '--yes', '--runtime', 'nsjail'])).toMatchObject({ exitCode: 0 });
  });
});
