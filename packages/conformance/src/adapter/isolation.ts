import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineGroup } from '../harness/case.ts';
import { hostDevice, hostNamespace } from '../harness/host.ts';

const namespaces = { controls: ['namespaces'] } as const;

const sockets = [
  '/var/run/docker.sock',
  '/run/docker.sock',
  '/run/podman/podman.sock',
  '/run/containerd/containerd.sock',
  '/run/crio/crio.sock',
  '/run/dbus/system_bus_socket',
  '/run/systemd/private',
];

/** Harmless where it succeeds: a setting is given the value that it has, and what would act is opened only. */
const TOUCH_KERNEL = `
  for setting in kernel/core_pattern kernel/modprobe vm/panic_on_oom; do
    old=$(cat "/proc/sys/$setting" 2>/dev/null) && (echo "$old" > "/proc/sys/$setting") 2>/dev/null && echo "wrote to $setting"
  done
  (: >> /proc/sysrq-trigger) 2>/dev/null && echo "opened sysrq-trigger"
  (head -c 1 /proc/kcore | wc -c) 2>/dev/null | grep -v '^0$'
  echo end`;

/** Root of the guest, as a package manager would be. */
const asRoot = (...more: string[]) => ({
  user: { uid: 0, gid: 0, allowRoot: true },
  security: { capabilities: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETGID', 'SETUID', ...more] },
});

export const isolation = defineGroup('isolation', 'what a guest sees of itself and of the host', (test) => {
  for (const set of ['CapBnd', 'CapEff', 'CapPrm', 'CapInh', 'CapAmb']) {
    test(set.toLowerCase(), `${set} is empty`, { controls: ['capabilities'] }, async (t) => {
      t.expect((await t.run(`grep ${set} /proc/self/status`)).stdout).toBe(`${set}:\t0000000000000000\n`);
    });
  }

  test(
    'capabilities-for-root',
    'uid 0 has an empty bounding set too',
    { controls: ['capabilities', 'user'] },
    async (t) => {
      const { stdout } = await t.run("grep -E 'Cap(Bnd|Eff)' /proc/self/status | cut -f2", {
        user: { uid: 0, gid: 0, allowRoot: true },
      });
      t.expect(stdout).toBe('0000000000000000\n0000000000000000\n');
    },
  );

  test(
    'capabilities-asked',
    'with capabilities asked for, the bounding set is just those',
    { controls: ['capabilities'] },
    async (t) => {
      const { stdout } = await t.run('grep CapBnd /proc/self/status | cut -f2', {
        user: { uid: 0, gid: 0, allowRoot: true },
        security: { capabilities: ['CHOWN', 'SETUID', 'SETGID'] },
      });
      t.expect(stdout).toBe('00000000000000c1\n');
    },
  );

  test('no-new-privileges', 'no-new-privileges is set', { controls: ['no-new-privileges'] }, async (t) => {
    t.expect((await t.run('grep NoNewPrivs /proc/self/status')).stdout).toBe('NoNewPrivs:\t1\n');
  });

  test(
    'set-uid-root',
    'a set-uid program does not become root',
    { controls: ['no-new-privileges', 'user'] },
    async (t) => {
      const { stdout } = await t.run(
        'for p in $(find /usr/bin /bin -perm -4000 2>/dev/null | head -n 3); do echo "$p"; done; (su root -c id </dev/null) 2>/dev/null; id -u',
      );
      t.expect(stdout).not.toContain('uid=0');
    },
  );

  test('seccomp', 'a seccomp filter is on', { controls: ['seccomp'] }, async (t) => {
    t.expect((await t.run('grep Seccomp: /proc/self/status')).stdout).toBe('Seccomp:\t2\n');
  });

  test('seccomp-bites', 'it refuses new user namespaces and mounts', { controls: ['seccomp'] }, async (t) => {
    const { stdout } = await t.run(
      '(unshare --user --map-root-user true) 2>/dev/null && echo unshared; (mount -t tmpfs none /tmp) 2>/dev/null && echo mounted; echo end',
    );
    t.expect(stdout).toBe('end\n');
  });

  test(
    'uid',
    'it runs as the ids that were asked for, with no further group',
    { controls: ['user'] },
    async (t) => {
      const { uid, gid } = t.spec().user;
      const { stdout } = await t.run('grep -E "^(Uid|Gid|Groups):" /proc/self/status');
      const four = (id: number) => Array(4).fill(id).join('\t');
      t.expect(stdout.replaceAll(/ +$/gm, '')).toMatch(
        new RegExp(`^Uid:\t${four(uid)}\nGid:\t${four(gid)}\nGroups:\\s*(${gid})?\\s*\n$`),
      );
    },
  );

  test('other-uid', 'another uid can be asked for', { enforced: ['user'] }, async (t) => {
    const { stdout } = await t.run('echo "$(id -u):$(id -g)"', {
      user: { uid: 4321, gid: 1234, allowRoot: false },
    });
    t.expect(stdout).toBe('4321:1234\n');
  });

  for (const namespace of ['pid', 'mnt', 'ipc', 'uts', 'net']) {
    test(`namespace-${namespace}`, `its ${namespace} namespace is not the host's`, namespaces, async (t) => {
      const { stdout } = await t.run(`readlink /proc/self/ns/${namespace}`);
      t.expect(stdout).toMatch(/:\[\d+\]\n$/);
      t.expect(stdout.trim()).not.toBe(await hostNamespace(namespace));
    });
  }

  test(
    'namespaces-of-others',
    'two sandboxes do not share a namespace of processes',
    namespaces,
    async (t) => {
      const running = await t.attached(['/bin/sh', '-c', 'readlink /proc/self/ns/pid; exec cat']);
      const first = await t.firstLine(running.raw.stdout);
      t.expect((await t.run('readlink /proc/self/ns/pid')).stdout.trim()).not.toBe(first);
      await t.collect(running.raw);
    },
  );

  test('host-processes', 'no process of the host is visible', namespaces, async (t) => {
    const digits = Math.floor(Math.random() * 1e7);
    const child = spawn('sleep', [`97${digits}.5`], { stdio: 'ignore' });
    t.after(() => child.kill('SIGKILL'));
    const { stdout } = await t.run(
      // The pattern does not match itself, so the script's own words are not counted.
      `grep -l "9[7]${digits}[.]5" /proc/[0-9]*/cmdline 2>/dev/null | wc -l; ls -d /proc/[0-9]* | wc -l`,
    );
    const [seen, processes] = stdout.trim().split('\n').map(Number);
    t.expect(seen).toBe(0);
    t.expect(processes).toBeLessThanOrEqual(16);
  });

  test('host-files', 'no file of the host is visible', namespaces, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'conformance-host-'));
    t.after(() => rm(directory, { recursive: true, force: true }));
    await chmod(directory, 0o755);
    await writeFile(join(directory, 'secret'), 'host');
    const { stdout } = await t.run('cat "$1/secret" 2>/dev/null || echo hidden', { args: [directory] });
    t.expect(stdout).toBe('hidden\n');
  });

  test('hostname', "its hostname is not the host's", namespaces, async (t) => {
    const { stdout } = await t.run('cat /proc/sys/kernel/hostname');
    t.expect(stdout.trim()).not.toBe('');
    t.expect(stdout.trim()).not.toBe(hostname());
  });

  test('engine-sockets', "no socket of an engine's, or of the system's, is there", namespaces, async (t) => {
    const { stdout } = await t.run('for path; do test -e "$path" && echo "$path"; done; echo end', {
      args: sockets,
    });
    t.expect(stdout).toBe('end\n');
  });

  test('devices', 'there is no device but the harmless ones', namespaces, async (t) => {
    const { stdout } = await t.run(
      'find /dev -type b 2>/dev/null | head; for d in mem kmem port kvm fuse sda vda; do test -r /dev/$d && echo $d; done; echo end',
    );
    t.expect(stdout).toBe('end\n');
  });

  test('kernel-settings', 'settings of the kernel cannot be written', namespaces, async (t) => {
    t.expect((await t.run(TOUCH_KERNEL)).stdout).toBe('end\n');
  });

  test(
    'kernel-settings-for-root',
    'uid 0 with capabilities cannot write them either',
    { controls: ['namespaces', 'user'] },
    async (t) => {
      // A kernel of its own is its own to set.
      if (t.probe.capabilities.boundary === 'vm') return;
      t.expect((await t.run(TOUCH_KERNEL, asRoot())).stdout).toBe('end\n');
    },
  );

  test(
    'devices-for-root',
    'a device of the host that uid 0 makes cannot be opened',
    { controls: ['namespaces', 'user'] },
    async (t) => {
      const device = await hostDevice();
      if (device === undefined || t.probe.capabilities.boundary === 'vm') return;
      const { stdout } = await t.run(
        'for d in / /root /var/tmp /dev; do mknod "$d/own" "$@" 2>/dev/null && (: < "$d/own") 2>/dev/null && echo "opened $d/own"; done; echo end',
        { ...asRoot('MKNOD'), args: device },
      );
      t.expect(stdout).toBe('end\n');
    },
  );

  test(
    'cgroup-read-only',
    'it cannot change its own limits',
    { controls: ['memory', 'namespaces'] },
    async (t) => {
      const { stdout } = await t.run(
        `for f in /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max; do
         test -e $f && (echo 9999999999 > $f) 2>/dev/null && echo "raised $f"; done; mkdir /sys/fs/cgroup/own /sys/fs/cgroup/memory/own 2>/dev/null && echo made; echo end`,
        { limits: { memoryBytes: 256 * 1024 * 1024 } },
      );
      t.expect(stdout).toBe('end\n');
    },
  );

  test(
    'new-processes-alike',
    'what it starts is confined as it is',
    { controls: ['capabilities'] },
    async (t) => {
      const { stdout } = await t.run('sh -c \'sh -c "grep -E ^Cap /proc/self/status" | cut -f2 | sort -u\'');
      t.expect(stdout).toBe('0000000000000000\n');
    },
  );

  test('host-signals', 'a signal to everybody reaches nobody outside', namespaces, async (t) => {
    const child = spawn('sleep', ['600'], {
      stdio: 'ignore',
      ...(process.getuid?.() === 0 ? { uid: 1000, gid: 1000 } : {}),
    });
    t.after(() => child.kill('SIGKILL'));
    await t.run('sh -c "kill -KILL -1"; true');
    t.expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  });
});
