import type { JailMount, JailRequest } from '@sandbox/daemonless';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { mountWords } from './bubblewrap-mounts.ts';
import { bubblewrapCommand, bubblewrapOptions, checkBubblewrapSpec } from './bubblewrap-spec.ts';

const nothing = {
  ...{ memoryBytes: null, cpus: null, pids: null },
  ...{ openFiles: null, fileSizeBytes: null, diskBytes: null },
};
const one = (outside: number) => [{ inside: 1000, outside, count: 1 }];
const request: JailRequest = {
  ...{ program: '/usr/bin/bwrap', scratch: '', argv: ['/bin/sh', '-c', 'true'], env: { SECRET: 'no' } },
  ...{ workdir: '/tmp', user: { uid: 1000, gid: 1000 }, uids: one(5), gids: one(6), mounts: [] },
  limits: nothing,
  security: { capabilities: ['CHOWN', 'SYS_CHROOT'], noNewPrivileges: true, seccomp: true },
  ...{ architecture: 'amd64', countsPids: true },
  hardLimits: { openFiles: 20_000, fileSizeBytes: Number.POSITIVE_INFINITY },
};
const range = (outside: number) => [...one(outside), { inside: 0, outside: 70_000, count: 1000 }];
const options = (change: Partial<JailRequest> = {}) => bubblewrapOptions({ ...request, ...change });
const argv = (change: Partial<JailRequest> = {}) => bubblewrapCommand({ ...request, ...change }).argv;

describe('the command line', () => {
  it('shows nothing but the command itself', () => {
    const words = argv();
    expect(words.slice(-4)).toEqual(['--', '/bin/sh', '-c', 'true']);
    expect(words.join(' ')).not.toContain('SECRET');
    expect(words).not.toContain('setpriv');
    expect(words).toContain('--map-current-user');
  });

  it('with a range of ids it runs as the user that the guest is outside, and waits', () => {
    const words = argv({ uids: range(5), gids: range(6) });
    const user = words.slice(words.indexOf('setpriv'));
    expect(user.slice(0, 6)).toEqual(['setpriv', '--reuid', '5', '--regid', '6', '--clear-groups']);
    expect(words.slice(0, 4)).toEqual(['unshare', '--pid', '--mount-proc', '--fork']);
    expect(words.join(' ')).toContain('--no-new-privs --pdeathsig KILL --');
    const after = (name: string) => words[words.indexOf(name) + 1];
    expect(after('--userns-block-fd')).toBe(after('--block-fd'));
    expect(options({ uids: range(5) })).not.toContain('--uid');
    expect(options().join(' ')).toContain('--uid 1000 --gid 1000');
  });

  it.each([
    [{ openFiles: 512 }, '--nofile=512:512'],
    [{ openFiles: 1_000_000 }, '--nofile=20000:20000'],
    [{ fileSizeBytes: 8_193 }, '--fsize=8193:8193'],
  ])('limits %j', (asked, word) => expect(argv({ limits: { ...nothing, ...asked } })).toContain(word));
});

test('every namespace is new, and the jail ends with who made it', () => {
  const words = options();
  for (const name of ['user', 'pid', 'net', 'ipc', 'uts', 'cgroup'])
    expect(words).toContain(`--unshare-${name}`);
  expect(words).toEqual(expect.arrayContaining(['--die-with-parent', '--as-pid-1', '--clearenv']));
});

test('only root in the guest keeps capabilities', () => {
  expect(options()).not.toContain('--cap-add');
  const root = options({ user: { uid: 0, gid: 0 } }).join(' ');
  expect(root).toContain('--cap-drop ALL --cap-add CAP_CHOWN --cap-add CAP_SYS_CHROOT');
});

test('an environment arrives as it is', () => {
  const unit = fc.integer({ min: 1, max: 0xd7ff }).map((code) => String.fromCharCode(code));
  const text = fc.string({ unit });
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit, minLength: 1 }), text), (env) => {
      const [bytes] = bubblewrapCommand({ ...request, env }).inputs ?? [];
      const words = Buffer.from(bytes ?? [])
        .toString()
        .split('\0');
      const set = words.slice(words.indexOf('--clearenv') + 1, words.lastIndexOf('--chdir'));
      expect(set).toEqual(Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]));
    }),
  );
});

describe('mounts', () => {
  const bind = (source: string, target: string, readOnly = false) =>
    ({ type: 'bind', source, target, readOnly, exec: true }) as const;

  it('come in their order, and then nothing can be made beside them', () => {
    const mounts: JailMount[] = [
      { type: 'symlink', link: 'usr/bin', target: '/bin' },
      bind('/usr', '/usr', true),
      { type: 'devices', target: '/dev' },
      { type: 'tmpfs', target: '/t', sizeBytes: 4096, mode: 0o1777, exec: true, owner: null },
      bind('/a:b,c=d\n"e', '/w'),
    ];
    expect(mountWords(mounts)).toEqual([
      ...['--proc', '/proc', '--symlink', 'usr/bin', '/bin', '--ro-bind', '/usr', '/usr', '--dev', '/dev'],
      ...['--perms', '1777', '--size', '4096', '--tmpfs', '/t', '--bind', '/a:b,c=d\n"e', '/w'],
      ...['--remount-ro', '/proc', '--remount-ro', '/dev', '--remount-ro', '/'],
    ]);
  });

  it('leave out what comes along with a directory', () => {
    const words = mountWords([bind('/w', '/workspace'), bind('/w/sub/deep', '/workspace/sub/deep')]);
    expect(words.filter((word) => word === '--bind')).toHaveLength(1);
    const other = mountWords([bind('/etc', '/etc', true), bind('/state/x', '/etc/x', true)]);
    expect(other.filter((word) => word === '--ro-bind')).toHaveLength(2);
  });
});

describe('what bubblewrap alone cannot do is refused by name', () => {
  const user = { uid: 1000, gid: 1000, allowRoot: false };
  const host = { type: 'host', readOnly: false } as const;
  const tmpfs = { type: 'tmpfs', target: '/t', sizeBytes: 1, mode: 0o700, owner: user, exec: true } as const;
  const check = (spec: Partial<Parameters<typeof checkBubblewrapSpec>[0]>, isRoot = true) =>
    checkBubblewrapSpec({ root: host, mounts: [tmpfs], user, ...spec }, { isRoot });

  it.each([
    [{ mounts: [{ ...tmpfs, owner: { uid: 0, gid: 0 } }] }, true, /tmpfs-size.*0:0/],
    [{ mounts: [{ ...tmpfs, exec: false }] }, true, /tmpfs-size/],
    [{ root: { type: 'directory', path: '/r', readOnly: false } as const }, false, /root/],
  ])('%j', (spec, isRoot, message) => expect(() => check(spec, isRoot)).toThrow(message));

  it('and the rest is not', () => {
    check({});
    check({ root: { type: 'directory', path: '/r', readOnly: false } });
    check({ root: { type: 'directory', path: '/r', readOnly: true } }, false);
  });
});
