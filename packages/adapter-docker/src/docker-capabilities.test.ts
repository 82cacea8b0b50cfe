import type { EngineFacts } from '@sandbox/docker-api';
import { describe, expect, it } from 'vitest';
import { createDockerAdapter } from './docker-adapter.ts';
import {
  DOCKER_CAPABILITIES,
  dockerCapabilities,
  dockerIdMapping,
  sharesHostFiles,
} from './docker-capabilities.ts';

const facts: EngineFacts = {
  version: '27.0',
  apiVersion: [1, 46],
  architecture: 'amd64',
  osType: 'linux',
  operatingSystem: 'Debian',
  hostName: 'here',
  rootDir: '/var/lib/docker',
  cgroupVersion: '2',
  cgroupDriver: 'systemd',
  memoryLimit: true,
  swapLimit: true,
  cpuQuota: true,
  pidsLimit: true,
  seccomp: true,
  rootless: false,
  usernsRemap: false,
  storageDriver: 'overlay2',
  backingFilesystem: 'xfs',
  processors: 2,
  kernel: [6, 1],
  ociRuntimes: ['runc'],
  defaultOciRuntime: 'runc',
  warnings: [],
};
const support = (change: Partial<EngineFacts>, runtime?: string) =>
  Object.fromEntries(
    Object.entries(dockerCapabilities({ ...facts, ...change }, runtime).controls).map(([name, value]) => [
      name,
      value.support,
    ]),
  );

describe('dockerCapabilities', () => {
  it('is never more than the static ones', () => {
    const rank = { unsupported: 0, limited: 1, enforced: 2 };
    for (const [name, value] of Object.entries(support({}))) {
      const best = DOCKER_CAPABILITIES.controls[name as keyof typeof DOCKER_CAPABILITIES.controls].support;
      expect(rank[value], name).toBeLessThanOrEqual(rank[best]);
    }
    expect(structuredClone(DOCKER_CAPABILITIES)).toEqual(DOCKER_CAPABILITIES);
  });

  it('says what this host cannot do', () => {
    expect(support({ swapLimit: false }).memory).toBe('limited');
    expect(support({ memoryLimit: false }).memory).toBe('unsupported');
    expect(support({ pidsLimit: false }).pids).toBe('unsupported');
    expect(support({ cpuQuota: false }).cpus).toBe('unsupported');
    expect(support({ seccomp: false }).seccomp).toBe('unsupported');
    expect(support({ backingFilesystem: 'extfs' }).disk).toBe('unsupported');
    expect(support({ storageDriver: 'overlayfs' }).disk).toBe('unsupported');
    expect(support({ storageDriver: 'btrfs' }).disk).toBe('limited');
    expect(support({ rootless: true, cgroupVersion: '1' })).toMatchObject({
      memory: 'unsupported',
      cpus: 'unsupported',
      pids: 'unsupported',
    });
    expect(support({ rootless: true, cgroupDriver: 'systemd' }).memory).toBe('enforced');
  });

  it('knows a virtual machine by its OCI runtime', () => {
    expect(dockerCapabilities(facts, undefined).boundary).toBe('container');
    expect(dockerCapabilities(facts, 'kata-runtime').boundary).toBe('vm');
  });
});

describe('dockerIdMapping', () => {
  it('is the identity, the caller when rootless, a subordinate id when remapped', () => {
    const caller = { uid: 1000, gid: 1000 };
    expect(dockerIdMapping(facts, caller)).toEqual({ type: 'identity' });
    expect(dockerIdMapping({ ...facts, rootless: true }, caller)).toMatchObject({
      hostUid: 1000,
      guestUid: 0,
    });
    const remapped = { ...facts, usernsRemap: true, rootDir: '/var/lib/docker/100000.100001' };
    expect(dockerIdMapping(remapped, caller)).toMatchObject({
      type: 'caller',
      hostUid: 100000,
      hostGid: 100001,
    });
  });
});

describe('sharesHostFiles', () => {
  const socket = { type: 'unix', socketPath: '/s' } as const;
  it('is not so for an engine that is elsewhere', () => {
    expect(sharesHostFiles(socket, facts, 'here')).toBe(true);
    expect(sharesHostFiles(socket, facts, 'elsewhere')).toBe(process.platform !== 'linux');
    expect(sharesHostFiles({ type: 'tcp', host: '10.0.0.1', port: 1 }, facts, 'here')).toBe(false);
    expect(sharesHostFiles({ type: 'tcp', host: '127.0.0.1', port: 1 }, facts, 'here')).toBe(true);
  });
});

describe('createDockerAdapter', () => {
  it('does no I/O, and refuses options that are none', () => {
    expect(createDockerAdapter({ context: 'nope' }).runtime).toBe('docker');
    expect(() => createDockerAdapter({ sokcet: '/x' } as never)).toThrow(/sokcet/);
    expect(() => createDockerAdapter({ timeouts: { callMs: -1 } })).toThrow(/timeouts\.callMs/);
  });

  it('tells of an address that is none with the first call', async () => {
    const adapter = createDockerAdapter({ host: 'ssh://me@box' });
    await expect(adapter.inspect('box')).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    const probe = await adapter.probe();
    expect(probe).toMatchObject({ status: 'unhealthy', remedy: expect.stringContaining('ssh -nNT') });
  });
});
