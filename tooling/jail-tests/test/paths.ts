import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createSandboxes, SandboxError } from '@sandbox/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { running, temporary, whoRuns } from './fixture.ts';
import { execScript, makeRoot, runScript, specOf } from './jails.ts';
import { agent } from './ordinary-user.ts';

const RENAMEAT2 = process.arch === 'arm64' ? 276 : 316;

/** What lies where on the host, for whoever runs this process. */
export function paths(here: boolean): void {
  const { adapter, isRoot, who, tested, scope } = whoRuns();
  const { runtime, createAdapter } = tested;
  describe.skipIf(!here)(`${runtime} as ${who}, and paths`, () => {
    test.runIf(isRoot)('a workspace under a directory that only root can search', async () => {
      const parent = temporary();
      const source = join(parent, 'work');
      mkdirSync(source);
      chownSync(source, 1000, 1000);
      chmodSync(parent, 0o700);
      const mounts = [{ type: 'bind', source, target: '/workspace', readOnly: false }] as const;
      const { stdout } = await runScript(adapter, 'echo made > /workspace/made && cat /workspace/made', {
        mounts,
      });
      expect(stdout).toBe('made\n');
      expect(readFileSync(join(source, 'made'), 'utf8')).toBe('made\n');
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain('sandbox-jails');
    });

    test.runIf(isRoot)('what is mounted below a read-only workspace is read-only too', async () => {
      const source = temporary();
      mkdirSync(join(source, 'sub'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=1777', 'none', join(source, 'sub')]);
      onTestFinished(() => void execFileSync('umount', [join(source, 'sub')]));
      const mounts = [{ type: 'bind', source, target: '/workspace', readOnly: true }] as const;
      const script = '(: > /workspace/sub/x) 2>/dev/null && echo wrote; echo end';
      expect((await runScript(adapter, script, { mounts })).stdout).toBe('end\n');
    });

    test.runIf(isRoot)('a mount that a guest could misplace is refused', async () => {
      for (const target of ['/usr/local', '/etc', '/lib/x', '/a/../usr', 'relative', '/']) {
        const mounts = [{ type: 'bind', source: '/srv', target, readOnly: true }] as const;
        await expect(adapter.create(specOf(['/bin/true'], { mounts }))).rejects.toMatchObject({
          code: expect.stringMatching(/^(UNSUPPORTED|INVALID_ARGUMENT)$/),
        });
      }
    });

    test('a path that an overlay cannot be told is refused by name', async () => {
      const path = join(temporary(), 'a:b,c');
      mkdirSync(path);
      const spec = specOf(['/bin/true'], { root: { type: 'directory', path, readOnly: false } });
      await expect(adapter.create(spec)).rejects.toMatchObject({
        code: 'UNSUPPORTED',
        message: expect.stringContaining(path),
      });
    });

    test.runIf(isRoot)('a state directory that only root can search', async () => {
      const parent = temporary();
      chmodSync(parent, 0o700);
      const hidden = createAdapter({ stateDirectory: join(parent, 'state') });
      const workspace = join(parent, 'work');
      mkdirSync(workspace);
      const mounts = [{ type: 'bind', source: workspace, target: '/workspace', readOnly: true }] as const;
      const script = 'echo made > /tmp/made && cat /tmp/made; ls -d /workspace';
      expect((await runScript(hidden, script, { mounts })).stdout).toBe('made\n/workspace\n');
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain('sandbox-jails');
    });

    test.runIf(isRoot)('what a sandbox keeps cannot be entered by other users of the host', async () => {
      const name = await running();
      await execScript(adapter, name, 'echo secret > /tmp/secret');
      const state = join(
        process.env.SANDBOX_STATE_DIR ?? '/var/lib/sandbox',
        runtime,
        'sandboxes',
        name,
        'root/tmp/secret',
      );
      expect(readFileSync(state, 'utf8')).toBe('secret\n');
      expect(() => execFileSync('cat', [state], { uid: 1000, gid: 1000, stdio: 'ignore' })).toThrow();
    });

    test('a workspace whose name is hard to write down', async () => {
      const source = join(temporary(), 'a:b,c=d\n"e\\f');
      mkdirSync(source);
      if (isRoot) chownSync(source, 1000, 1000);
      const mounts = [{ type: 'bind', source, target: '/workspace', readOnly: false }] as const;
      await runScript(adapter, 'echo made > /workspace/made', { mounts });
      expect(readFileSync(join(source, 'made'), 'utf8')).toBe('made\n');
    });

    test('a state directory whose name is hard to write down works, but for an overlay', async () => {
      const stateDirectory = join(temporary(), 'a:b,c=d\n"e');
      const hard = createAdapter({ stateDirectory });
      expect((await runScript(hard, 'echo made > /tmp/made && cat /tmp/made')).stdout).toBe('made\n');
      const path = makeRoot(temporary());
      const kept = specOf(['/bin/true'], { root: { type: 'directory', path, readOnly: false } });
      await expect(hard.create(kept)).rejects.toMatchObject({
        code: 'UNSUPPORTED',
        message: expect.stringContaining('state directory'),
      });
      const read = { type: 'directory', path, readOnly: true } as const;
      expect((await runScript(hard, 'echo read', { root: read })).stdout).toBe('read\n');
    });

    test.runIf(isRoot)(
      'an unpacked root file system under a directory that only root can search',
      async () => {
        const parent = temporary();
        const path = makeRoot(join(parent, 'root'));
        chmodSync(parent, 0o700);
        for (const readOnly of [true, false]) {
          const root = { type: 'directory', path, readOnly } as const;
          expect((await runScript(adapter, 'echo read', { root })).stdout).toBe('read\n');
        }
      },
    );

    test('planted links and FIFOs and directories that are swapped lead no copy out of the workspace', async () => {
      const outside = temporary();
      writeFileSync(join(outside, 'secret'), 'secret');
      const workspace = temporary();
      const own = (path: string) => isRoot && chownSync(path, 1000, 1000);
      own(workspace);
      const given = temporary();
      mkdirSync(join(given, 'd'));
      writeFileSync(join(given, 'd/secret'), 'from the host');
      const taken = temporary();
      await using sandboxes = createSandboxes({ adapter, scope, ...(agent && { agent }) });
      await using box = await sandboxes.create({ workspace, policy: { workspaceAccess: 'rw' } });
      const script = `cd /workspace; mkdir d; echo guest > d/secret; ln -s "$1" l; ln -s "$1/secret" f; mkfifo p; echo up
        exec perl -e 'my ($d, $l) = ("d", "l"); while (1) { syscall(${RENAMEAT2}, -100, $d, -100, $l, 2) }' `;
      const swapping = await box.spawn(['sh', '-c', script, 'sh', outside], { stdin: 'none' });
      for await (const chunk of swapping.stdout) if (Buffer.from(chunk).includes('up')) break;

      const kinds = new Set<boolean>();
      const read: string[] = [];
      const refused: unknown[] = [];
      const attempt = async (work: () => Promise<unknown>) => {
        const result = await work().catch((error: unknown) => void refused.push(error));
        if (typeof result === 'string') read.push(result);
      };
      for (let round = 0; round < 40; round += 1) {
        const [out, back] = [join(taken, `out-${round}`), join(taken, `back-${round}`)];
        await attempt(() => box.files.write('/workspace/d/planted', 'x'));
        await attempt(() => box.files.upload(given, '/workspace'));
        await attempt(() => box.files.readText('/workspace/d/secret'));
        await attempt(() => box.files.readText('/workspace/f'));
        await attempt(() => box.files.download('/workspace/d', out));
        // Through the host's own view: a tree that changes while it is read, and while it is written.
        await attempt(() => box.files.upload(workspace, '/tmp/copy'));
        await attempt(() => box.files.download('/tmp/copy', back));
        await attempt(() => box.files.download('/tmp/copy', workspace));
        kinds.add(lstatSync(join(workspace, 'd')).isDirectory());
      }
      await swapping.kill();
      expect(kinds.size).toBe(2);
      expect(refused.filter((error) => !SandboxError.is(error))).toEqual([]);
      expect(read).not.toContain('secret');
      expect(readdirSync(outside)).toEqual(['secret']);
      expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
      const texts = readdirSync(taken, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
      expect(texts).not.toContain('secret');
    });
  });
}
