import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPodmanAdapter } from '@sandbox/adapter-podman';
import { createSandboxes } from '@sandbox/core';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { podmanIsHere, scope } from './podman-here.ts';

const here = await podmanIsHere();
const isRoot = process.getuid?.() === 0;
const sandboxes = createSandboxes({ adapter: createPodmanAdapter(), scope, tools: false });
afterAll(() => sandboxes.close());

/** Whom a workspace belongs to: somebody whom no guest is by default, where that can be chosen. */
const owner = isRoot
  ? { uid: 12_345, gid: 23_456 }
  : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

function directory(name = 'workspace'): { parent: string; workspace: string } {
  const parent = mkdtempSync(join(tmpdir(), 'sandbox-workspace-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  const workspace = join(parent, name);
  mkdirSync(workspace);
  writeFileSync(join(workspace, 'given'), 'given\n');
  for (const path of [workspace, join(workspace, 'given')]) chownSync(path, owner.uid, owner.gid);
  chmodSync(parent, 0o755);
  return { parent, workspace };
}

const ownerOf = (path: string) => {
  const { uid, gid } = statSync(path);
  return { uid, gid };
};

describe.runIf(here)('a workspace on Podman', () => {
  it.each(['one-shot', 'long-lived'])('has files that belong to its owner on the host (%s)', async (life) => {
    const { workspace } = directory();
    const script =
      'cd /workspace && echo made > made && mkdir -p a/b && echo more >> given && cat given && id -u';
    const argv = ['sh', '-c', script];
    let stdout: string;
    if (life === 'one-shot')
      ({ stdout } = await sandboxes.run(argv, { workspace, policy: { workspaceAccess: 'rw' } }));
    else {
      const box = await sandboxes.open({ workspace, policy: { workspaceAccess: 'rw' } });
      onTestFinished(() => box.remove());
      ({ stdout } = await box.exec(argv));
    }
    expect(stdout).toBe(`given\nmore\n${owner.uid}\n`);
    for (const name of ['made', 'a/b', 'given']) expect(ownerOf(join(workspace, name)), name).toEqual(owner);
    expect(readFileSync(join(workspace, 'made'), 'utf8')).toBe('made\n');
  });

  it('may have a path with all that mount options are made of', async () => {
    const { workspace } = directory('a:b,c=d\ne "f\\g');
    const script =
      'cat /workspace/given; echo made > /workspace/made; cat /proc/self/mounts | grep -c " /workspace "';
    const { stdout } = await sandboxes.run(['sh', '-c', script], {
      workspace,
      policy: { workspaceAccess: 'rw' },
    });
    expect(stdout).toBe('given\n1\n');
    expect(readFileSync(join(workspace, 'made'), 'utf8')).toBe('made\n');
    const readOnly = ['sh', '-c', 'cat /workspace/given; (: > /workspace/x) 2>/dev/null && echo wrote; true'];
    const { stdout: again } = await sandboxes.run(readOnly, { workspace, policy: { workspaceAccess: 'ro' } });
    expect(again).toBe('given\n');
  });

  it('may lie where only whoever runs Podman can search', async () => {
    const { parent, workspace } = directory();
    chmodSync(parent, 0o700);
    const argv = ['sh', '-c', 'cat /workspace/given; echo made > /workspace/made'];
    const { stdout } = await sandboxes.run(argv, { workspace, policy: { workspaceAccess: 'rw' } });
    expect(stdout).toBe('given\n');
    expect(ownerOf(join(workspace, 'made'))).toEqual(owner);
  });

  it.skipIf(isRoot)('that only root can search is refused, and named', async () => {
    const refused = sandboxes.run(['true'], { workspace: '/root/work', policy: { workspaceAccess: 'ro' } });
    await expect(refused).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('/root/work'),
    });
  });

  it.skipIf(isRoot)('of somebody else is refused for writing, and said whose it must be', async () => {
    const refused = sandboxes.run(['true'], { workspace: '/usr/share', policy: { workspaceAccess: 'rw' } });
    await expect(refused).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  });
});

describe.runIf(here)('64 sandboxes at once', () => {
  it('each give their own result, and are gone', { timeout: 600_000 }, async () => {
    const mark = randomBytes(4).toString('hex');
    const results = await Promise.all(
      Array.from({ length: 64 }, (_, index) =>
        sandboxes.run(['sh', '-c', `cat; echo ${mark} ${index}; exit ${index}`], { stdin: `in ${index}\n` }),
      ),
    );
    expect(results.map(({ stdout, exitCode, ending }) => [ending, exitCode, stdout])).toEqual(
      results.map((_, index) => ['exited', index, `in ${index}\n${mark} ${index}\n`]),
    );
    expect(await sandboxes.list()).toEqual([]);
  });
});
