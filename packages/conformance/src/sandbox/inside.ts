import { defineGroup } from '../harness/case.ts';
import type { SandboxContext } from '../harness/sandbox-context.ts';

/** Every command is confined as the sandbox is: these look from inside of one, where `isolation` looks from the main process. */
export const inside = defineGroup<SandboxContext>(
  'inside',
  'what a command sees of its confinement',
  (test) => {
    for (const set of ['CapBnd', 'CapEff', 'CapPrm', 'CapInh', 'CapAmb']) {
      test(set.toLowerCase(), `${set} of a command is empty`, { controls: ['capabilities'] }, async (t) => {
        t.expect((await t.sh(`exec grep ${set} /proc/self/status`)).stdout).toBe(
          `${set}:\t0000000000000000\n`,
        );
      });
    }

    test(
      'no-new-privileges',
      'no-new-privileges is set for it',
      { controls: ['no-new-privileges'] },
      async (t) => {
        t.expect((await t.sh('exec grep NoNewPrivs /proc/self/status')).stdout).toBe('NoNewPrivs:\t1\n');
      },
    );

    test('seccomp', 'a seccomp filter is on for it', { controls: ['seccomp'] }, async (t) => {
      t.expect((await t.sh('exec grep Seccomp: /proc/self/status')).stdout).toBe('Seccomp:\t2\n');
    });

    test('user', 'it is the user that the policy names', { enforced: ['user'] }, async (t) => {
      const { stdout } = await t.runSh('id -u; id -g', { policy: { user: '2345:3456' } });
      t.expect(stdout).toBe('2345\n3456\n');
    });

    test('not-root', 'without being told it is an ordinary user, with no further groups', async (t) => {
      const { stdout } = await t.sh('id -u; id -G');
      t.expect(stdout).not.toMatch(/^0$/m);
      t.expect((stdout.trim().split('\n')[1] ?? '').split(' ').length).toBeLessThanOrEqual(1);
    });

    test('home', 'HOME is writable, its own, and runs programs', async (t) => {
      const { stdout } = await t.sh(
        'cd "$HOME" && cp /bin/true ./own-true && ./own-true && rm own-true && echo works',
      );
      t.expect(stdout).toBe('works\n');
    });

    test('temporary', 'TMPDIR is writable', async (t) => {
      t.expect((await t.sh('f=$(mktemp) && test -w "$f" && rm "$f" && echo works')).stdout).toBe('works\n');
    });

    test(
      'network-none',
      'an ephemeral sandbox has no network unless told',
      { enforced: ['network-none'] },
      async (t) => {
        t.expect((await t.runSh('tail -n +2 /proc/net/route')).stdout).toBe('');
      },
    );

    test('network-full', 'with full it has one', { controls: ['network-full'] }, async (t) => {
      const { stdout } = await t.runSh('tail -n +2 /proc/net/route | wc -l', { policy: { network: 'full' } });
      t.expect(Number(stdout)).toBeGreaterThanOrEqual(1);
    });

    test(
      'workspace-rw',
      'a workspace is at /workspace, where commands start',
      { enforced: ['workspace-access'] },
      async (t) => {
        const workspace = await t.workspace();
        const { stdout } = await t.runSh('pwd; echo made > made.txt; stat -c %u made.txt; id -u', {
          workspace,
        });
        const [directory, owner, user] = stdout.trim().split('\n');
        t.expect(directory).toBe('/workspace');
        t.expect(owner).toBe(user);
      },
    );

    test(
      'workspace-ro',
      'a read-only workspace cannot be written',
      { enforced: ['workspace-access'] },
      async (t) => {
        const workspace = await t.workspace();
        const { stdout } = await t.runSh('(echo x > f) 2>/dev/null || echo refused', {
          workspace,
          policy: { workspaceAccess: 'ro' },
        });
        t.expect(stdout).toBe('refused\n');
      },
    );

    test(
      'workspace-none',
      'with none, the workspace is not there',
      { enforced: ['workspace-access', 'namespaces'] },
      async (t) => {
        const workspace = await t.workspace();
        const { stdout } = await t.runSh(
          'ls -A /workspace 2>/dev/null | wc -l; test -e "$W" || echo hidden',
          {
            workspace,
            env: { W: workspace },
            policy: { workspaceAccess: 'none' },
          },
        );
        t.expect(stdout).toBe('0\nhidden\n');
      },
    );

    test(
      'mounts',
      'every temporary file system is nosuid and nodev',
      { enforced: ['namespaces', 'tmpfs-size'] },
      async (t) => {
        const { stdout } = await t.runSh(
          'while read -r _ p type flags _; do case $type:$p in tmpfs:/dev|tmpfs:/proc/*|tmpfs:/sys/*) continue;; tmpfs:*) ;; *) continue;; esac; case ,$flags, in *,ro,*|*,nosuid,*nodev,*|*,nodev,*nosuid,*) ;; *) echo "$p $flags";; esac; done < /proc/self/mounts',
        );
        t.expect(stdout).toBe('');
      },
    );

    test(
      'processes',
      'a command sees the processes of its sandbox alone',
      { enforced: ['namespaces'] },
      async (t) => {
        const { stdout } = await t.runSh('ls -d /proc/[0-9]* | wc -l');
        t.expect(Number(stdout)).toBeLessThanOrEqual(80);
      },
    );

    test('host-name', "the host's name is not the guest's", { enforced: ['namespaces'] }, async (t) => {
      const { hostname } = await import('node:os');
      t.expect((await t.sh('cat /proc/sys/kernel/hostname')).stdout.trim()).not.toBe(hostname());
    });

    test('engine-sockets', 'no socket of an engine is there', { enforced: ['namespaces'] }, async (t) => {
      const { stdout } = await t.sh(
        'find / -xdev -type s 2>/dev/null | grep -E "docker|podman|containerd|crio" ; ls /run/docker* /var/run/docker* 2>/dev/null; echo end',
      );
      t.expect(stdout).toBe('end\n');
    });
  },
);
