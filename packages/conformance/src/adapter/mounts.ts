import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SandboxError } from '@sandbox/core';
import type { AdapterContext } from '../harness/adapter-context.ts';
import { defineGroup } from '../harness/case.ts';

const workspace = { controls: ['workspace-access'] } as const;
const tmpfs = { controls: ['tmpfs-size'] } as const;

/** Names that command lines and mount tables take apart. */
const hardNames: readonly (readonly [id: string, name: string])[] = [
  ['a-space', 'with space'],
  ['a-colon', 'with:colon'],
  ['a-comma', 'with,comma'],
  ['an-equal-sign', 'with=equal'],
  ['quotes', `with"double'single`],
  ['unicode', 'mit-ümläut-日本'],
  ['a-backslash', 'with\\back'],
  ['a-newline', 'with\nnewline'],
];

export const mounts = defineGroup('mounts', 'the workspace, temporary file systems, the root', (test) => {
  test(
    'workspace-rw',
    'a workspace can be read and written, and its files belong to their owner',
    workspace,
    async (t) => {
      const { path, user, mount } = await hostDirectory(t);
      const { stdout } = await t.run(
        'cat /workspace/given.txt && echo made > /workspace/made.txt && echo ok',
        { user, mounts: [mount(false)] },
      );
      t.expect(stdout).toBe('given\nok\n');
      t.expect(await readFile(join(path, 'made.txt'), 'utf8')).toBe('made\n');
      t.expect((await stat(join(path, 'made.txt'))).uid).toBe((await stat(path)).uid);
    },
  );

  test(
    'workspace-ro',
    'a read-only workspace can be read and not written, made, changed or removed in',
    workspace,
    async (t) => {
      const { path, mount } = await hostDirectory(t);
      const { stdout } = await t.run(
        `cd /workspace && cat given.txt
       (echo x > new.txt) 2>/dev/null || echo refused; (echo x >> given.txt) 2>/dev/null || echo refused
       mkdir d 2>/dev/null || echo refused; rm -f given.txt 2>/dev/null || echo refused; chmod 777 given.txt 2>/dev/null || echo refused`,
        { mounts: [mount(true)] },
      );
      t.expect(stdout).toBe(`given\n${'refused\n'.repeat(5)}`);
      t.expect(await readFile(join(path, 'given.txt'), 'utf8')).toBe('given\n');
    },
  );

  test(
    'workspace-ro-below',
    'what is mounted below a read-only workspace is read-only too, or is not shown',
    workspace,
    async (t) => {
      const { path, mount } = await hostDirectory(t);
      const below = join(path, 'below');
      await mkdir(below);
      // Nobody else can mount anything there.
      if (process.getuid?.() !== 0 || process.platform !== 'linux') return;
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=1777', 'conformance', below]);
      t.after(() => execFileSync('umount', ['--lazy', below]));
      const { stdout } = await t.run('(echo x > /workspace/below/f) 2>/dev/null && echo wrote; echo end', {
        mounts: [mount(true)],
      });
      t.expect(stdout).toBe('end\n');
    },
  );

  test(
    'workspace-none',
    'without a workspace there is none, and nothing of the host',
    { isolated: true },
    async (t) => {
      const { path } = await hostDirectory(t);
      const { stdout } = await t.run('ls -A /workspace 2>/dev/null; test -e "$1" || echo hidden', {
        args: [path],
      });
      t.expect(stdout).toBe('hidden\n');
    },
  );

  test('workspace-devices', 'a device file in a workspace cannot be opened', workspace, async (t) => {
    const { path, mount } = await hostDirectory(t);
    // Only root can plant one: the memory of the host.
    if (process.getuid?.() !== 0) return;
    execFileSync('mknod', ['-m', '666', join(path, 'memory'), 'c', '1', '1']);
    const { stdout } = await t.run(
      '(head -c 1 /workspace/memory) >/dev/null 2>&1 && echo opened || echo refused',
      {
        mounts: [mount(false)],
      },
    );
    t.expect(stdout).toBe('refused\n');
  });

  test('workspace-live', 'what the host writes later is seen inside', workspace, async (t) => {
    const { path, mount } = await hostDirectory(t);
    const { raw } = await t.attached(['/bin/sh', '-c', 'read -r line; cat /workspace/later.txt'], {
      mounts: [mount(true)],
    });
    await writeFile(join(path, 'later.txt'), 'later\n');
    t.expect((await t.collect(raw, 'go\n')).stdout).toBe('later\n');
  });

  for (const [id, directory] of hardNames) {
    test(
      `source-with-${id}`,
      `a host path with ${id.replaceAll('-', ' ')} is mounted right, or refused by name`,
      workspace,
      async (t) => {
        const { mount } = await hostDirectory(t, directory);
        await t.rightOrRefused(async () => {
          const { stdout } = await t.run('cat /workspace/given.txt', { mounts: [mount(true)] });
          t.expect(stdout).toBe('given\n');
        });
      },
    );
  }

  test(
    'source-gone',
    'a mount whose source is not there is refused, and not made up',
    workspace,
    async (t) => {
      const { path, mount } = await hostDirectory(t);
      await rm(path, { recursive: true });
      const error = await t.run('ls /workspace', { mounts: [mount(true)] }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      t.expect(SandboxError.is(error)).toBe(true);
      const made = await stat(path).then(
        () => true,
        () => false,
      );
      t.expect(made).toBe(false);
    },
  );

  test('tmpfs-owner', 'a tmpfs belongs to whom it was given, with its mode', tmpfs, async (t) => {
    const { uid, gid } = t.spec().user;
    // Where a guest has one id there is no other that could own anything.
    const other =
      t.probe.capabilities.controls.user.support === 'enforced' ? { uid: 0, gid: 0 } : { uid, gid };
    const { stdout } = await t.run('stat -c "%a %u %g" /scratch /common; touch /scratch/f && echo mine', {
      mounts: [
        { ...t.tmpfs, target: '/scratch', mode: 0o700 },
        { ...t.tmpfs, target: '/common', mode: 0o1777, owner: other },
      ],
    });
    t.expect(stdout).toBe(`700 ${uid} ${gid}\n1777 ${other.uid} ${other.gid}\nmine\n`);
  });

  test('tmpfs-flags', 'a tmpfs is nosuid and nodev, and runs programs only if told', tmpfs, async (t) => {
    const { stdout } = await t.run(
      `for d in /may /may-not; do cp /bin/true $d/true; $d/true 2>/dev/null && echo runs || echo refused; done
       grep -cE ' /may(-not)? tmpfs .*nosuid.*nodev' /proc/self/mounts`,
      {
        mounts: [
          { ...t.tmpfs, target: '/may', exec: true },
          { ...t.tmpfs, target: '/may-not', exec: false },
        ],
      },
    );
    t.expect(stdout).toBe('runs\nrefused\n2\n');
  });

  test('tmpfs-empty', 'a tmpfs starts empty, each time', { ...tmpfs, facets: ['long-lived'] }, async (t) => {
    const name = await t.running({ mounts: [{ ...t.tmpfs, target: '/scratch' }] });
    t.expect((await t.exec(name, 'ls -A /scratch')).stdout).toBe('');
  });

  test(
    'root-read-only',
    'of a read-only root nothing can be written',
    { controls: ['read-only-root'] },
    async (t) => {
      const { stdout } = await t.run(
        `for f in /x /etc/x /usr/x /usr/bin/x /var/x /home/x /opt/x /root/x; do
         (: > $f) 2>/dev/null && echo "wrote $f"; done; (: >> /etc/passwd) 2>/dev/null && echo appended; while read -r _ path _ flags _; do test "$path" = / && root=$flags; done < /proc/self/mounts; echo "\${root%%,*}"`,
        { root: { ...t.spec().root, readOnly: true }, mounts: t.scratch },
      );
      t.expect(stdout).toBe('ro\n');
    },
  );

  test(
    'root-read-only-for-root',
    'not even by its root',
    { controls: ['read-only-root', 'user'] },
    async (t) => {
      const root = { uid: 0, gid: 0 };
      const { stdout } = await t.run(
        '(: > /etc/x) 2>/dev/null && echo wrote; (: > /x) 2>/dev/null && echo wrote; echo end',
        {
          root: { ...t.spec().root, readOnly: true },
          mounts: t.scratch.map((mount) => (mount.type === 'tmpfs' ? { ...mount, owner: root } : mount)),
          user: { ...root, allowRoot: true },
        },
      );
      t.expect(stdout).toBe('end\n');
    },
  );

  test(
    'root-writable',
    'a writable root keeps what is written, for this sandbox alone',
    { facets: ['long-lived'], isolated: true },
    async (t) => {
      const one = await t.running();
      await t.exec(one, 'echo mine > /var/tmp/mine');
      t.expect((await t.exec(one, 'cat /var/tmp/mine')).stdout).toBe('mine\n');
      t.expect((await t.exec(await t.running(), 'cat /var/tmp/mine 2>/dev/null || echo none')).stdout).toBe(
        'none\n',
      );
    },
  );

  test(
    'no-set-uid',
    'a set-uid program of a mount gives no rights',
    { controls: ['workspace-access', 'no-new-privileges'] },
    async (t) => {
      const { path, user, mount } = await hostDirectory(t);
      const { stdout } = await t.run(
        'cp /usr/bin/id /workspace/id && chmod 4755 /workspace/id && echo planted',
        { user, mounts: [mount(false)] },
      );
      t.expect(stdout).toBe('planted\n');
      if (process.getuid?.() === 0) {
        await chown(join(path, 'id'), 0, 0);
        await chmod(join(path, 'id'), 0o4755);
      }
      const again = await t.run('/workspace/id -u', { mounts: [mount(true)] });
      t.expect(again.stdout).toBe(`${t.spec().user.uid}\n`);
    },
  );
});

/** A directory of the host, as a workspace would be, and who the guest must be to own it. */
async function hostDirectory(t: AdapterContext, name = 'workspace') {
  const parent = await mkdtemp(join(tmpdir(), 'conformance-'));
  t.after(() => rm(parent, { recursive: true, force: true }));
  await chmod(parent, 0o755);
  const path = join(parent, name);
  await mkdir(path);
  await writeFile(join(path, 'given.txt'), 'given\n', { mode: 0o644 });
  const mapping = t.probe.idMapping;
  let { user } = t.spec();
  if (mapping?.type === 'identity' && process.getuid?.() === 0) {
    await chown(path, user.uid, user.gid);
    await chown(join(path, 'given.txt'), user.uid, user.gid);
  }
  if (mapping?.type === 'caller') {
    user = { uid: mapping.guestUid, gid: mapping.guestGid, allowRoot: mapping.guestUid === 0 };
  }
  const mount = (readOnly: boolean) =>
    ({ type: 'bind', source: path, target: '/workspace', readOnly }) as const;
  return { path, user, mount };
}
