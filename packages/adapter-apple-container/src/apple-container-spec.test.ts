import { readFileSync } from 'node:fs';
import type { ContainerAnswer } from '@sandbox/apple-container-client';
import type { SandboxSpec } from '@sandbox/core';
import { describe, expect, it } from 'vitest';
import { createAppleContainerAdapter } from './apple-container-adapter.ts';
import { APPLE_CONTAINER_CAPABILITIES } from './apple-container-capabilities.ts';
import { readback } from './apple-container-readback.ts';
import { createArgs } from './apple-container-spec.ts';

const MIB = 2 ** 20;
const none = {
  memoryBytes: null,
  cpus: null,
  pids: null,
  openFiles: null,
  fileSizeBytes: null,
  diskBytes: null,
};
const plain: SandboxSpec = {
  name: 'box1',
  labels: {},
  lifecycle: 'ephemeral',
  root: { type: 'image', image: 'debian', readOnly: false },
  argv: ['/bin/true'],
  env: {},
  workdir: '/',
  user: { uid: 1000, gid: 1000, allowRoot: false },
  mounts: [],
  agent: { digest: 'abc', path: () => '' },
  limits: none,
  network: 'none',
  security: { capabilities: [], noNewPrivileges: false, seccomp: false },
};
const refusal = (change: Partial<SandboxSpec>) => {
  try {
    createArgs({ ...plain, ...change }, '/agents');
  } catch (error) {
    return error;
  }
  return undefined;
};
const tmpfs = {
  type: 'tmpfs',
  target: '/t',
  sizeBytes: MIB,
  mode: 0o755,
  owner: { uid: 1000, gid: 1000 },
  exec: true,
} as const;
const bind = (source: string, target = '/workspace') =>
  ({ type: 'bind', source, target, readOnly: false }) as const;

describe('createArgs', () => {
  it.each([
    ['pids', { limits: { ...none, pids: 100 } }],
    ['disk', { limits: { ...none, diskBytes: MIB } }],
    ['cpus', { limits: { ...none, cpus: 0.5 } }],
    ['memory', { limits: { ...none, memoryBytes: 199 * MIB } }],
    ['no-new-privileges', { security: { ...plain.security, noNewPrivileges: true } }],
    ['seccomp', { security: { ...plain.security, seccomp: true } }],
    ['tmpfs-size', { mounts: [{ ...tmpfs, exec: false }] }],
    ['tmpfs-size', { mounts: [{ ...tmpfs, mode: 0o700 }] }],
    ['tmpfs-size', { mounts: [{ ...tmpfs, sizeBytes: 1000 }] }],
    ['only images', { root: { type: 'host', readOnly: true } }],
  ] as const)('refuses what cannot be had, by name: %s', (word, change) => {
    expect(refusal(change)).toMatchObject({ code: 'UNSUPPORTED', message: expect.stringContaining(word) });
  });

  it.each([
    ['a colon', { mounts: [bind('/a:b')] }],
    ['a newline', { mounts: [bind('/a\nb')] }],
    ['a comma in a tmpfs', { mounts: [{ ...tmpfs, target: '/a,ro' }] }],
    ['a directory twice', { mounts: [bind('/a'), bind('/a', '/b')] }],
    ['a target twice', { mounts: [bind('/a'), bind('/b')] }],
    ['a mount over the agent', { mounts: [bind('/a', '/.sandbox')] }],
    ['dots', { mounts: [bind('/a', '/w/../.sandbox')] }],
    ['a short name', { name: 'x' }],
    ['a NUL byte', { argv: ['a\0b'] }],
  ] as const)('refuses %s', (_what, change) => {
    expect(refusal(change as Partial<SandboxSpec>)).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('mounts paths with commas and equal signs', () => {
    expect(createArgs({ ...plain, mounts: [bind('/a,b=c')] }, '/agents')).toContain(
      '--volume=/a,b=c:/workspace:nosuid,nodev',
    );
  });
});

const answers = JSON.parse(
  readFileSync(
    new URL('../../apple-container-client/test/fixtures/containers.json', import.meta.url),
    'utf8',
  ),
) as Readonly<Record<string, readonly ContainerAnswer[]>>;

describe('readback', () => {
  it('says what the program kept, and what it did not', () => {
    const answer = answers['1.2.2']?.[0] as ContainerAnswer;
    const spec = {
      ...plain,
      root: { ...plain.root, readOnly: true },
      limits: { ...none, memoryBytes: 512 * MIB + 1, cpus: 2, openFiles: 2048, fileSizeBytes: 100 },
    };
    const rows = Object.fromEntries(
      readback(spec, answer).map((row) => [row.control, [row.status, row.effective]]),
    );
    expect(rows).toEqual({
      memory: ['limited', 512 * MIB],
      cpus: ['limited', 2],
      'open-files': ['enforced', 2048],
      'file-size': ['unsupported', null],
      'read-only-root': ['enforced', true],
      'network-none': ['unsupported', false],
      'workspace-access': ['enforced', 'none'],
      user: ['enforced', '1000:1000'],
      capabilities: ['enforced', 'CHOWN'],
      namespaces: ['enforced', true],
    });
  });
});

describe('createAppleContainerAdapter', () => {
  it('does no I/O, and refuses options that are none', () => {
    expect(createAppleContainerAdapter({ program: '/no/such' }).runtime).toBe('apple-container');
    expect(() => createAppleContainerAdapter({ binary: '/x' } as never)).toThrow(/binary/);
    expect(() => createAppleContainerAdapter({ timeouts: { callMs: -1 } })).toThrow(/timeouts\.callMs/);
    expect(structuredClone(APPLE_CONTAINER_CAPABILITIES)).toEqual(APPLE_CONTAINER_CAPABILITIES);
  });
});
