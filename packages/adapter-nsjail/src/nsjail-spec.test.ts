import type { JailMount, JailRequest } from '@sandbox/daemonless';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { NsjailMount } from './nsjail-mounts.ts';
import { seccompPolicy } from './nsjail-seccomp.ts';
import { nsjailConfig } from './nsjail-spec.ts';

const nothing = {
  memoryBytes: null,
  cpus: null,
  pids: null,
  openFiles: null,
  fileSizeBytes: null,
  diskBytes: null,
};
const request: Omit<JailRequest, 'program' | 'scratch'> = {
  argv: ['/bin/sh', '-c', 'true'],
  env: { PATH: '/bin' },
  workdir: '/tmp',
  user: { uid: 1000, gid: 1000 },
  uids: [{ inside: 1000, outside: 5, count: 1 }],
  gids: [{ inside: 1000, outside: 6, count: 1 }],
  mounts: [],
  limits: nothing,
  security: { capabilities: [], noNewPrivileges: true, seccomp: true },
  architecture: 'amd64',
  hardLimits: { openFiles: 20_000, fileSizeBytes: Number.POSITIVE_INFINITY },
  countsPids: true,
};
const config = (change: Partial<JailRequest> = {}) => nsjailConfig({ ...request, ...change });
const limits = (change: Partial<JailRequest['limits']>) => config({ limits: { ...nothing, ...change } });

test('without limits nothing of nsjail’s own defaults is left, and no hard limit is raised', () => {
  expect(config()).toMatchObject({
    timeLimit: 0,
    keepEnv: false,
    niceLevel: 0,
    rlimitNofileType: 'HARD',
    rlimitFsizeType: 'HARD',
    rlimitNprocType: 'HARD',
    rlimitAsType: 'HARD',
    rlimitCpuType: 'HARD',
    rlimitStackType: 'HARD',
    rlimitMemlockType: 'HARD',
    rlimitCore: '0',
  });
});

test.each([
  [{ openFiles: 512 }, { rlimitNofile: '512', rlimitNofileType: 'VALUE' }],
  [{ openFiles: 1_000_000 }, { rlimitNofile: '20000', rlimitNofileType: 'VALUE' }],
  [{ fileSizeBytes: 8 * 2 ** 20 }, { rlimitFsize: '8', rlimitFsizeType: 'VALUE' }],
  [{ pids: 64 }, { rlimitNprocType: 'HARD' }],
])('limits %j', (asked, words) => expect(limits(asked)).toMatchObject(words));

test('without a cgroup the kernel counts processes', () => {
  const words = config({ limits: { ...nothing, pids: 64 }, countsPids: false });
  expect(words).toMatchObject({ rlimitNproc: '64', rlimitNprocType: 'VALUE' });
});

test('only root in the guest keeps capabilities', () => {
  const security = { ...request.security, capabilities: ['CHOWN', 'SYS_CHROOT'] };
  expect(config({ security }).cap).toEqual([]);
  const root = config({ security, user: { uid: 0, gid: 0 } });
  expect(root.cap).toEqual(['CAP_CHOWN', 'CAP_SYS_CHROOT']);
  expect(String(root.seccompString)).not.toMatch(/\bchroot\b/);
});

test('words of a command and an environment arrive as they are', () => {
  // Not the unit `binary`: its table of all of Unicode takes seconds to make.
  const unit = fc.integer({ min: 1, max: 0xffff }).map((code) => String.fromCharCode(code));
  const text = fc.string({ unit });
  fc.assert(
    fc.property(fc.array(text), fc.dictionary(fc.string({ unit, minLength: 1 }), text), (words, env) => {
      const { execBin, envar } = JSON.parse(JSON.stringify(config({ argv: ['/bin/x', ...words], env })));
      expect(execBin).toEqual({ path: '/bin/x', arg0: '/bin/x', arg: words });
      expect(envar).toEqual(Object.entries(env).map(([name, value]) => `${name}=${value}`));
      // Without an equal sign nsjail would take the host's.
      expect((envar as string[]).every((word) => word.includes('='))).toBe(true);
    }),
  );
});

test('a program without a path is looked up inside', () => {
  expect(config({ argv: ['node', '-v'] }).execBin).toEqual({
    path: '/usr/bin/env',
    arg0: 'env',
    arg: ['--', 'node', '-v'],
  });
});

test('the filter leaves out names that arm64 does not have', () => {
  const [amd64, arm64] = [seccompPolicy('amd64', false), seccompPolicy('arm64', false)];
  expect(amd64).toMatch(/\bioperm\b.*\bmodify_ldt\b/s);
  expect(arm64).not.toMatch(/\b(ioperm|iopl|modify_ldt|uselib|ustat|sysfs|create_module|query_module)\b/);
  for (const policy of [amd64, arm64])
    expect(policy).toMatch(/\bchroot\b[\s\S]*clone3[\s\S]*prctl \{ option == 0x1 \}/);
});

test('the first entry of an id map is the first', () => {
  const uids = [
    { inside: 1000, outside: 7, count: 1 },
    { inside: 0, outside: 100, count: 1000 },
  ];
  expect(config({ uids }).uidmap).toEqual([
    { insideId: '1000', outsideId: '7', count: 1 },
    { insideId: '0', outsideId: '100', count: 1000 },
  ]);
});

test('every mount is mandatory and nosuid, and only devices are not nodev', () => {
  const bind = { type: 'bind', source: '/a:b,c=d\n"e', target: '/w', readOnly: true } as const;
  const mounts: JailMount[] = [
    { ...bind, exec: true },
    { ...bind, exec: false, readOnly: false },
    { type: 'symlink', link: 'usr/bin', target: '/bin' },
    {
      ...{ type: 'tmpfs', target: '/t', sizeBytes: 4096, mode: 0o1777 },
      exec: false,
      owner: { uid: 7, gid: 8 },
    },
    { ...{ type: 'tmpfs', target: '/t', sizeBytes: 1, mode: 0o700 }, exec: true, owner: null },
    { type: 'overlay', target: '/var', lower: '/l', upper: '/u', work: '/k' },
  ];
  const always = { nosuid: true, mandatory: true };
  const source = { src: bind.source, dst: '/w', isBind: true };
  expect(config({ mounts }).mount).toEqual([
    { ...always, ...source, rw: false, nodev: true, noexec: false },
    { ...always, ...source, rw: true, nodev: true, noexec: true },
    { src: 'usr/bin', dst: '/bin', isSymlink: true, mandatory: true },
    {
      ...{ ...always, dst: '/t', fstype: 'tmpfs', options: 'size=4096,mode=1777,uid=7,gid=8' },
      ...{ rw: true, nodev: true, noexec: true },
    },
    {
      ...{ ...always, dst: '/t', fstype: 'tmpfs', options: 'size=1,mode=700' },
      ...{ rw: true, nodev: true, noexec: false },
    },
    {
      ...{ ...always, dst: '/var', fstype: 'overlay', rw: true, nodev: true },
      options: 'lowerdir=/l,upperdir=/u,workdir=/k,userxattr',
    },
  ]);
  const devices = config({ mounts: [{ type: 'devices', target: '/dev' }] }).mount as NsjailMount[];
  expect(devices.filter(({ isBind }) => isBind).map(({ dst, nodev }) => [dst, nodev])).toEqual(
    ['null', 'zero', 'full', 'random', 'urandom', 'tty'].map((name) => [`/dev/${name}`, false]),
  );
  expect(devices.find(({ fstype }) => fstype === 'devpts')).toEqual({
    ...{ ...always, dst: '/dev/pts', fstype: 'devpts', rw: true, noexec: true },
    options: 'newinstance,ptmxmode=0666,mode=0620',
  });
  expect(devices.filter(({ isSymlink }) => isSymlink).map(({ dst }) => dst)).toEqual(
    ['ptmx', 'fd', 'stdin', 'stdout', 'stderr'].map((name) => `/dev/${name}`),
  );
});
