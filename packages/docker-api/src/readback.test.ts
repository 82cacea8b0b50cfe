import type { SandboxSpec } from '@sandbox/core';
import { describe, expect, it } from 'vitest';
import type { HostConfigBody } from './container-body.ts';
import type { ContainerAnswer } from './inspect.ts';
import { readback } from './readback.ts';

const spec: SandboxSpec = {
  name: 'box',
  labels: {},
  lifecycle: 'ephemeral',
  root: { type: 'image', image: 'debian', readOnly: true },
  argv: ['x'],
  env: {},
  workdir: '/',
  user: { uid: 1000, gid: 1000, allowRoot: false },
  mounts: [
    { type: 'tmpfs', target: '/tmp', sizeBytes: 4096, mode: 0o1777, owner: { uid: 0, gid: 0 }, exec: true },
    { type: 'bind', source: '/src', target: '/workspace', readOnly: true },
  ],
  agent: { digest: 'abc', path: () => '/agent' },
  limits: { memoryBytes: 1024, cpus: 1.5, pids: 9, openFiles: 100, fileSizeBytes: 77, diskBytes: 5 },
  network: 'none',
  security: { capabilities: ['SETUID', 'CHOWN'], noNewPrivileges: true, seccomp: true },
};

const good: HostConfigBody = {
  Memory: 1024,
  MemorySwap: 1024,
  NanoCpus: 1_500_000_000,
  PidsLimit: 9,
  Ulimits: [
    { Name: 'nofile', Soft: 100, Hard: 100 },
    { Name: 'fsize', Soft: 77, Hard: 77 },
  ],
  StorageOpt: { size: '5' },
  Tmpfs: { '/tmp': 'rw,size=4096' },
  ReadonlyRootfs: true,
  NetworkMode: 'none',
  CapDrop: ['ALL'],
  CapAdd: ['CAP_SETUID', 'CAP_CHOWN'],
  SecurityOpt: ['no-new-privileges'],
  IpcMode: 'private',
};

const answer = (host: HostConfigBody = {}): ContainerAnswer => ({
  Id: 'id',
  Image: 'sha256:0',
  Name: '/box',
  Created: '2026-01-01T00:00:00Z',
  State: { Status: 'created' },
  Config: { Image: 'debian', User: '1000:1000' },
  HostConfig: { ...good, ...host },
  Mounts: [{ Type: 'bind', Destination: '/workspace', RW: false }],
});
const rowOf = (control: string, host: HostConfigBody = {}) =>
  readback(spec, answer(host)).find((row) => row.control === control);

describe('readback', () => {
  it('tells each control in the unit of the spec', () => {
    const rows = readback(spec, answer());
    expect(Object.fromEntries(rows.map(({ control, effective }) => [control, effective]))).toEqual({
      memory: 1024,
      cpus: 1.5,
      pids: 9,
      'open-files': 100,
      'file-size': 77,
      disk: 5,
      'tmpfs-size': 4096,
      'read-only-root': true,
      'network-none': true,
      'workspace-access': 'ro',
      user: '1000:1000',
      capabilities: 'CHOWN,SETUID',
      'no-new-privileges': true,
      seccomp: true,
      namespaces: true,
    });
    expect(rows.every(({ status }) => status === 'enforced')).toBe(true);
  });

  it.each<[string, HostConfigBody]>([
    ['memory', { Memory: 0 }],
    ['cpus', { NanoCpus: 0 }],
    ['pids', { PidsLimit: 0 }],
    ['open-files', { Ulimits: [] }],
    ['disk', { StorageOpt: {} }],
    ['tmpfs-size', { Tmpfs: { '/tmp': 'rw' } }],
    ['read-only-root', { ReadonlyRootfs: false }],
    ['network-none', { NetworkMode: 'default' }],
    ['capabilities', { CapDrop: [] }],
    ['no-new-privileges', { SecurityOpt: [] }],
    ['seccomp', { SecurityOpt: ['seccomp=unconfined'] }],
    ['namespaces', { PidMode: 'host' }],
    ['namespaces', { Privileged: true }],
  ])('%s that the engine dropped is unsupported', (control, host) => {
    expect(rowOf(control, host)?.status).toBe('unsupported');
  });

  it('says what limits a control', () => {
    expect(rowOf('memory', { MemorySwap: -1 })).toMatchObject({ status: 'limited', effective: 1024 });
    expect(rowOf('cpus', { NanoCpus: 1e9 })).toMatchObject({ status: 'limited', effective: 1 });
    expect(rowOf('open-files', { Ulimits: [{ Name: 'nofile', Soft: 50, Hard: 50 }] })).toMatchObject({
      status: 'limited',
      effective: 50,
    });
  });

  it('leaves out what the spec leaves open', () => {
    const open: SandboxSpec = {
      ...spec,
      mounts: [],
      root: { type: 'image', image: 'x', readOnly: false },
      limits: {
        memoryBytes: null,
        cpus: null,
        pids: null,
        openFiles: null,
        fileSizeBytes: null,
        diskBytes: null,
      },
      security: { capabilities: null, noNewPrivileges: false, seccomp: false },
      network: 'full',
    };
    const rows = readback(open, { ...answer(), Mounts: null });
    expect(rows.map(({ control, effective }) => [control, effective])).toEqual([
      ['network-full', 'full'],
      ['workspace-access', 'none'],
      ['user', '1000:1000'],
      ['namespaces', true],
    ]);
  });
});
