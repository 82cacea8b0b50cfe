import type { MountSpec, SandboxSpec } from '@sandbox/core';
import { describe, expect, it } from 'vitest';
import { containerBody, type SpecContext } from './container-spec.ts';
import { testDialect } from './dialect.fixture.ts';
import { labelsOf } from './inspect.ts';

const context: SpecContext = {
  dialect: testDialect,
  agentVolume: 'sandbox-agent',
  networkName: 'sandbox-network',
  recursiveReadOnly: false,
  processors: null,
  diskQuota: false,
  hostLimits: { openFiles: null, processes: null },
};

const spec: SandboxSpec = {
  name: 'box',
  labels: { 'dev.sandbox.lifecycle': 'ephemeral', 'com.example.team': 'blue' },
  lifecycle: 'ephemeral',
  root: { type: 'image', image: 'debian', readOnly: true },
  argv: ['/.sandbox/abc/agent', 'session'],
  env: { A: 'b=c', EMPTY: '' },
  workdir: '/workspace',
  user: { uid: 1000, gid: 1001, allowRoot: false },
  mounts: [],
  agent: { digest: 'abc', path: () => '/agent' },
  limits: { memoryBytes: 1024, cpus: 1.5, pids: 9, openFiles: 100, fileSizeBytes: 77, diskBytes: null },
  network: 'none',
  security: { capabilities: [], noNewPrivileges: true, seccomp: true },
};
const host = (change: Partial<SandboxSpec> = {}, more: Partial<SpecContext> = {}) =>
  containerBody({ ...spec, ...change }, { ...context, ...more }).HostConfig;
const limits = (change: Partial<SandboxSpec['limits']>) => ({ limits: { ...spec.limits, ...change } });
const bind: MountSpec = { type: 'bind', source: '/src', target: '/workspace', readOnly: false };

describe('containerBody', () => {
  it('replaces what the image would run, and gives stdin to one client', () => {
    expect(containerBody(spec, context)).toMatchObject({
      Image: 'debian',
      Entrypoint: [],
      Cmd: ['/.sandbox/abc/agent', 'session'],
      Env: ['A=b=c', 'EMPTY='],
      User: '1000:1001',
      WorkingDir: '/workspace',
      OpenStdin: true,
      StdinOnce: true,
      StopSignal: 'SIGKILL',
      Healthcheck: { Test: ['NONE'] },
    });
  });

  it('says which labels of our prefix are not the image’s', () => {
    const { Labels } = containerBody(spec, context);
    expect(Labels).toMatchObject({
      'dev.sandbox.managed': 'true',
      'dev.sandbox.name': 'box',
      'dev.sandbox.lifecycle': 'ephemeral',
      'com.example.team': 'blue',
    });
    const both = { 'dev.sandbox.trust': 'owner', 'com.example.image': 'x', ...Labels };
    expect(labelsOf(both)).toEqual({
      'dev.sandbox.managed': 'true',
      'dev.sandbox.name': 'box',
      'dev.sandbox.lifecycle': 'ephemeral',
      'com.example.team': 'blue',
      'com.example.image': 'x',
    });
    expect(labelsOf({ 'dev.sandbox.user': '' })).toEqual({ 'dev.sandbox.user': '' });
    expect(labelsOf({ 'dev.sandbox.keys': '[' })).toEqual({ 'dev.sandbox.keys': '[' });
  });

  it('never shares a namespace of the host, keeps no log, restarts nothing', () => {
    expect(host()).toMatchObject({
      Privileged: false,
      PidMode: '',
      UTSMode: '',
      UsernsMode: '',
      IpcMode: 'private',
      CgroupnsMode: 'private',
      NetworkMode: 'none',
      LogConfig: { Type: 'none' },
      RestartPolicy: { Name: 'no' },
      Init: false,
      OomKillDisable: false,
    });
    expect(host()).not.toHaveProperty('Binds');
  });

  it.each<[string, Partial<SandboxSpec>, object]>([
    ['ephemeral', { lifecycle: 'ephemeral' }, { AutoRemove: true }],
    ['long-lived', { lifecycle: 'long-lived' }, { AutoRemove: false }],
    ['network full', { network: 'full' }, { NetworkMode: 'sandbox-network' }],
    ['memory, swap included', limits({ memoryBytes: 5e8 }), { Memory: 5e8, MemorySwap: 5e8 }],
    ['a part of a core', limits({ cpus: 0.25 }), { NanoCpus: 250_000_000 }],
    ['pids', limits({ pids: 128 }), { PidsLimit: 128 }],
    ['a writable root', { root: { type: 'image', image: 'x', readOnly: false } }, { ReadonlyRootfs: false }],
    [
      'capabilities',
      { security: { ...spec.security, capabilities: ['CHOWN'] } },
      { CapDrop: ['ALL'], CapAdd: ['CHOWN'], SecurityOpt: ['no-new-privileges'] },
    ],
    [
      'capabilities for a root who comes later, which the engine would keep from it',
      {
        user: { uid: 1000, gid: 1000, allowRoot: true },
        security: { ...spec.security, capabilities: ['CHOWN'] },
      },
      { CapDrop: ['ALL'], CapAdd: ['CHOWN'], SecurityOpt: [] },
    ],
    [
      'a root who comes later to no capabilities',
      { user: { uid: 1000, gid: 1000, allowRoot: true } },
      { CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'] },
    ],
    [
      'no seccomp, new privileges',
      { security: { capabilities: [], noNewPrivileges: false, seccomp: false } },
      { SecurityOpt: ['seccomp=unconfined'] },
    ],
  ])('%s', (_name, change, expected) => {
    expect(host(change)).toMatchObject(expected);
  });

  it('leaves out what was not asked for', () => {
    const none = {
      memoryBytes: null,
      cpus: null,
      pids: null,
      openFiles: null,
      fileSizeBytes: null,
      diskBytes: null,
    };
    const body = host({ limits: none, security: { ...spec.security, capabilities: null } });
    for (const key of [
      'Memory',
      'MemorySwap',
      'NanoCpus',
      'PidsLimit',
      'StorageOpt',
      'CapDrop',
      'CapAdd',
      'Runtime',
    ]) {
      expect(body).not.toHaveProperty(key);
    }
    expect(body.Ulimits).toEqual([{ Name: 'core', Soft: 0, Hard: 0 }]);
  });

  it('asks for no more processors than there are', () => {
    expect(host({}, { processors: 1 }).NanoCpus).toBe(1_000_000_000);
    expect(host({}, { processors: 2 }).NanoCpus).toBe(1_500_000_000);
  });

  it('clamps open files to what the engine cannot raise', () => {
    const hostLimits = { openFiles: 20, processes: 50 };
    expect(host({}, { hostLimits }).Ulimits).toContainEqual({ Name: 'nofile', Soft: 20, Hard: 20 });
    expect(host({}, { hostLimits }).Ulimits?.some(({ Name }) => Name === 'nproc')).toBe(false);
    const dialect = { ...testDialect, explicitNproc: true };
    expect(host({}, { hostLimits, dialect }).Ulimits).toContainEqual({ Name: 'nproc', Soft: 50, Hard: 50 });
    expect(host().Ulimits).toContainEqual({ Name: 'fsize', Soft: 77, Hard: 77 });
  });

  it('mounts a tmpfs with size, mode and owner, always nosuid and nodev', () => {
    const tmpfs: MountSpec = {
      type: 'tmpfs',
      target: '/tmp',
      sizeBytes: 4096,
      mode: 0o1777,
      owner: { uid: 5, gid: 6 },
      exec: true,
    };
    const home: MountSpec = { ...tmpfs, target: '/home/sandbox', mode: 0o700, exec: false };
    expect(host({ mounts: [tmpfs, home] }).Tmpfs).toEqual({
      '/tmp': 'rw,nosuid,nodev,exec,size=4096,mode=1777,uid=5,gid=6',
      '/home/sandbox': 'rw,nosuid,nodev,noexec,size=4096,mode=700,uid=5,gid=6',
    });
  });

  it('mounts the agent read-only, whatever else is mounted', () => {
    expect(host().Mounts?.[0]).toMatchObject({
      Type: 'volume',
      Source: 'sandbox-agent',
      Target: '/.sandbox',
      ReadOnly: true,
      VolumeOptions: { NoCopy: true },
    });
  });

  it('leaves nothing writable below a read-only mount', () => {
    const readOnly = { ...bind, readOnly: true };
    expect(host({ mounts: [readOnly] }).Mounts?.[1]).toMatchObject({
      ReadOnly: true,
      BindOptions: { NonRecursive: true },
    });
    expect(host({ mounts: [readOnly] }, { recursiveReadOnly: true }).Mounts?.[1]).toMatchObject({
      BindOptions: { Propagation: 'rprivate', ReadOnlyForceRecursive: true },
    });
    expect(host({ mounts: [bind] }).Mounts?.[1]?.BindOptions).toEqual({ Propagation: 'rprivate' });
  });

  it('passes odd paths as they are', () => {
    const source = '/a b:c,d=e\nf';
    expect(host({ mounts: [{ ...bind, source }] }).Mounts?.[1]?.Source).toBe(source);
  });

  it('refuses what no sandbox can have', () => {
    expect(() => host({ mounts: [{ ...bind, target: '/.sandbox/abc' }] })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('refuses what the engine cannot do, by name', () => {
    const unsupported = (message: RegExp) =>
      expect.objectContaining({ code: 'UNSUPPORTED', message: expect.stringMatching(message) });
    expect(() => host({ root: { type: 'host', readOnly: true } })).toThrow(unsupported(/host/));
    expect(() => host(limits({ diskBytes: 1e9 }))).toThrow(unsupported(/disk/));
    expect(host(limits({ diskBytes: 1e9 }), { diskQuota: true }).StorageOpt).toEqual({ size: '1000000000' });
  });

  it('refuses by name a path that the engine would misread', () => {
    const dialect = { ...testDialect, refusedInPaths: [','] };
    expect(() => host({ mounts: [{ ...bind, source: '/a,b' }] }, { dialect })).toThrow(/","/);
  });
});
