import type { SandboxSpec } from '@sandbox/core';
import type { ContainerBody, EngineFacts } from '@sandbox/docker-api';
import { ENGINE_NETWORK } from '@sandbox/docker-api';
import type { PodmanHost } from '@sandbox/podman-client';
import { describe, expect, it } from 'vitest';
import { podmanCapabilities, podmanIdMapping } from './podman-capabilities.ts';
import { withoutNamespaces } from './podman-seccomp.ts';
import { checkPodmanSpec, podmanContainer } from './podman-spec.ts';

const host: PodmanHost = {
  rootless: false,
  selinux: false,
  controllers: ['cpu', 'memory', 'pids'],
  ociRuntime: 'crun',
  withoutCgroups: false,
  userNetwork: 'pasta',
  defaultCapabilities: ['CAP_CHOWN', 'CAP_SETUID', 'CAP_KILL'],
  seccompProfile: '/usr/share/containers/seccomp.json',
  caller: undefined,
};
const facts = { cgroupVersion: '2', swapLimit: true, seccomp: true, storageDriver: 'overlay' } as EngineFacts;
const seccompProfile = '/filter.json';

const body = (config: ContainerBody['HostConfig'] = {}): ContainerBody => ({
  Image: 'debian',
  Entrypoint: [],
  Cmd: ['/agent'],
  Env: ['A=b=c', 'TERM=dumb'],
  User: '1000:1000',
  WorkingDir: '/',
  Labels: { a: 'b' },
  OpenStdin: true,
  HostConfig: config,
});
const made = (config: ContainerBody['HostConfig'] = {}, change: Partial<PodmanHost> = {}) =>
  podmanContainer('box', body(config), { host: { ...host, ...change }, seccompProfile }) as Record<
    string,
    never
  >;

describe('podmanContainer', () => {
  it('takes a path as it is, whatever is in it, and nothing set-uid from it', () => {
    const Source = '/w:x,y=z\nu';
    const mount = { Type: 'bind', Source, Target: '/workspace', ReadOnly: true } as const;
    const { mounts } = made({
      Mounts: [{ ...mount, BindOptions: { Propagation: 'rprivate', NonRecursive: true } }],
    });
    expect(mounts).toEqual([
      {
        type: 'bind',
        source: Source,
        destination: '/workspace',
        options: ['ro', 'bind', 'rprivate', 'nosuid', 'nodev'],
      },
    ]);
    const { mounts: labelled } = made({ Mounts: [{ ...mount, ReadOnly: false }] }, { selinux: true });
    expect(labelled).toMatchObject([{ options: ['rw', 'rbind', 'rprivate', 'nosuid', 'nodev', 'z'] }]);
  });

  it('gives a tmpfs to the user, or leaves it to root', () => {
    const { mounts } = made({
      Tmpfs: { '/a': 'rw,size=1,uid=1000,gid=1000', '/b': 'rw,size=1,uid=0,gid=0' },
    });
    expect(mounts).toMatchObject([
      { options: ['rw', 'size=1', 'U', 'notmpcopyup'] },
      { options: ['rw', 'size=1', 'notmpcopyup'] },
    ]);
  });

  it('gives limits in its own words', () => {
    const Ulimits = [{ Name: 'nofile', Soft: 3, Hard: 3 }];
    const config = { Memory: 64, MemorySwap: 64, NanoCpus: 1.5e9, PidsLimit: 9, Ulimits };
    expect(made(config)).toMatchObject({
      resource_limits: {
        memory: { limit: 64, swap: 64 },
        cpu: { period: 100_000, quota: 150_000 },
        pids: { limit: 9 },
      },
      r_limits: [{ type: 'nofile', soft: 3, hard: 3 }],
    });
  });

  it('drops what is not wanted by name: what is added, an ordinary user would hold', () => {
    expect(made({ CapDrop: ['ALL'], CapAdd: [] })).toMatchObject({ cap_drop: ['all'] });
    const some = made({ CapDrop: ['ALL'], CapAdd: ['CHOWN', 'KILL'] });
    expect(some.cap_drop).toContain('CAP_SETUID');
    expect(some.cap_drop).not.toContain('CAP_CHOWN');
    expect(some.cap_add).toEqual([]);
    expect(made()).not.toHaveProperty('cap_drop');
  });

  it('has namespaces of its own, and the network that is asked for', () => {
    expect(made({ NetworkMode: 'none' })).toMatchObject({
      netns: { nsmode: 'none' },
      userns: { nsmode: 'host' },
    });
    expect(made({ NetworkMode: 'net-box' })).toMatchObject({
      netns: { nsmode: 'bridge' },
      networks: { 'net-box': {} },
    });
    expect(made({ NetworkMode: ENGINE_NETWORK }, { rootless: true })).toMatchObject({
      netns: { nsmode: 'pasta' },
    });
  });

  it('keeps the ids of whoever runs Podman without root rights, and has all others of that user', () => {
    const caller = { uid: 1001, gid: 70_000, moreUids: 65_536, moreGids: 65_536 };
    expect(made({}, { rootless: true, caller })).toMatchObject({
      userns: { nsmode: 'private' },
      idmappings: {
        UIDMap: [
          { container_id: 0, host_id: 1, size: 1001 },
          { container_id: 1001, host_id: 0, size: 1 },
          { container_id: 1002, host_id: 1002, size: 64_535 },
        ],
        GIDMap: [
          { container_id: 0, host_id: 1, size: 65_536 },
          { container_id: 70_000, host_id: 0, size: 1 },
        ],
      },
    });
  });

  it('keeps out what Podman brings of its own and of the host', () => {
    expect(made()).toMatchObject({
      env: { A: 'b=c', TERM: 'dumb' },
      unsetenv: ['container'],
      httpproxy: false,
      base_hosts_file: 'none',
      seccomp_profile_path: '/filter.json',
    });
    expect(made({ SecurityOpt: ['seccomp=unconfined'] })).toMatchObject({
      seccomp_profile_path: 'unconfined',
    });
  });
});

describe('checkPodmanSpec', () => {
  const spec: SandboxSpec = {
    name: 'box',
    labels: {},
    lifecycle: 'ephemeral',
    root: { type: 'image', image: 'debian', readOnly: true },
    argv: ['/agent'],
    env: {},
    workdir: '/',
    user: { uid: 1000, gid: 1000, allowRoot: false },
    mounts: [],
    agent: { digest: 'a', path: () => '/agent' },
    limits: {
      memoryBytes: null,
      cpus: null,
      pids: null,
      openFiles: null,
      fileSizeBytes: null,
      diskBytes: null,
    },
    network: 'none',
    security: { capabilities: [], noNewPrivileges: true, seccomp: true },
  };
  const rootlessV1 = { ...host, rootless: true, withoutCgroups: true };
  const v1 = podmanCapabilities(facts, rootlessV1, seccompProfile);
  const check = (change: Partial<SandboxSpec>) => () =>
    checkPodmanSpec({ ...spec, ...change }, rootlessV1, v1);

  it('refuses limits that rootless Podman takes and drops with cgroup v1', () => {
    expect(check({})).not.toThrow();
    for (const [limit, name] of [
      ['memoryBytes', 'memory'],
      ['cpus', 'cpus'],
      ['pids', 'pids'],
    ] as const) {
      expect(check({ limits: { ...spec.limits, [limit]: 64 } })).toThrow(
        expect.objectContaining({ code: 'UNSUPPORTED', message: expect.stringContaining(name) }),
      );
    }
  });

  it('refuses owners of a tmpfs and capabilities that would not be what was asked for', () => {
    const tmpfs = { type: 'tmpfs', target: '/t', sizeBytes: 1, exec: false } as const;
    const mount = (uid: number, mode: number) => ({ mounts: [{ ...tmpfs, mode, owner: { uid, gid: uid } }] });
    expect(check(mount(1000, 0o700))).not.toThrow();
    expect(check(mount(0, 0o755))).not.toThrow();
    expect(check(mount(7, 0o1777))).not.toThrow();
    expect(check(mount(7, 0o755))).toThrow(/tmpfs-size/);
    const security = { ...spec.security, capabilities: ['NET_ADMIN'] };
    expect(check({ security })).toThrow(/capabilities/);
  });
});

describe('what this Podman can do', () => {
  it('is what its host lets it', () => {
    const on = (change: Partial<PodmanHost>) =>
      podmanCapabilities(facts, { ...host, ...change }, seccompProfile).controls;
    expect(on({}).memory.support).toBe('enforced');
    expect(on({ rootless: true, controllers: ['memory', 'pids'] }).cpus).toMatchObject({
      support: 'unsupported',
      how: expect.stringContaining('delegated'),
    });
    expect(on({ rootless: true, userNetwork: undefined })['network-full'].support).toBe('unsupported');
    expect(podmanCapabilities(facts, host, undefined).controls.seccomp.support).toBe('limited');
  });

  it('maps the caller to itself when rootless', () => {
    const caller = { uid: 7, gid: 8, moreUids: 9, moreGids: 9 };
    expect(podmanIdMapping(host)).toEqual({ type: 'identity' });
    expect(podmanIdMapping({ ...host, caller })).toMatchObject({
      hostUid: 7,
      guestUid: 7,
      guestGid: 8,
    });
  });
});

describe('withoutNamespaces', () => {
  it('lets no namespace and no mount through, and all else as it was', () => {
    const allow = 'SCMP_ACT_ALLOW';
    const refusal = { names: ['bdflush'], action: 'SCMP_ACT_ERRNO' };
    const privileged = { names: ['mount'], action: allow, includes: { caps: ['CAP_SYS_ADMIN'] } };
    const { syscalls = [] } = withoutNamespaces({
      syscalls: [
        refusal,
        { names: ['read', 'unshare', 'clone', 'clone3', 'mount'], action: allow },
        privileged,
      ],
    });
    expect(syscalls.slice(0, 3)).toEqual([refusal, { names: ['read'], action: allow }, privileged]);
    expect(syscalls[3]).toMatchObject({
      names: ['clone'],
      args: [{ value: 0x7e020000, op: 'SCMP_CMP_MASKED_EQ' }],
    });
    expect(syscalls[4]).toMatchObject({ names: ['clone3'], errnoRet: 38 });
  });
});
