import { describe, expect, it } from 'vitest';
import { type Capabilities, CONTROLS, FACETS } from './capabilities.ts';
import { refuseUnsupported, validateSpec } from './check-spec.ts';
import type { MountSpec, SandboxSpec } from './spec.ts';

const spec: SandboxSpec = {
  name: 'sandbox-run-1',
  labels: {},
  lifecycle: 'ephemeral',
  root: { type: 'directory', path: '/srv/root', readOnly: false },
  argv: ['/.sandbox/1/agent', 'session'],
  env: { HOME: '/home/sandbox' },
  workdir: '/workspace',
  user: { uid: 1000, gid: 1000, allowRoot: false },
  mounts: [],
  agent: { digest: '1', path: () => '/agent' },
  limits: {
    memoryBytes: null,
    cpus: null,
    pids: null,
    openFiles: null,
    fileSizeBytes: null,
    diskBytes: null,
  },
  network: 'none',
  security: { capabilities: null, noNewPrivileges: false, seccomp: false },
};
const owner = { uid: 1000, gid: 1000 };
const bind = (target: string, source = '/srv/web'): MountSpec => ({
  ...{ type: 'bind', source, target, readOnly: false },
});
const volume = (name: string): MountSpec => ({
  ...{ type: 'volume', volume: name, target: '/home/sandbox', readOnly: false, owner },
});
const tmpfs: MountSpec = {
  ...{ type: 'tmpfs', target: '/tmp', sizeBytes: 1e6, mode: 0o1777, owner, exec: true },
};

describe('validateSpec', () => {
  it('takes what can be made', () => {
    const mounts = [bind('/workspace/'), volume(`${'a'.repeat(63)}-home`), tmpfs];
    expect(() => validateSpec({ ...spec, mounts })).not.toThrow();
  });

  it.each<[string, Partial<SandboxSpec>]>([
    ['a name with a path', { name: '../x' }],
    ['no command', { argv: [] }],
    ['a NUL byte in an argument', { argv: ['true', 'a\0b'] }],
    ['a variable without a name', { env: { '': 'x' } }],
    ['a relative working directory', { workdir: 'src' }],
    ['a working directory with a way up', { workdir: '/workspace/../etc' }],
    ['a mount over everything', { mounts: [bind('/')] }],
    ['a relative mount', { mounts: [bind('data')] }],
    ['a mount with a way up', { mounts: [bind('/a/../b')] }],
    ['two mounts at one place', { mounts: [bind('/a'), bind('/a//')] }],
    ['a mount over the agent', { mounts: [bind('/.sandbox')] }],
    ['a mount below the agent', { mounts: [bind('/.sandbox/1')] }],
    ['a source that is not absolute', { mounts: [bind('/a', 'srv')] }],
    ['a NUL byte in a source', { mounts: [bind('/a', '/srv\0')] }],
    ['a volume with a path', { mounts: [volume('../etc')] }],
  ])('refuses %s', (_, change) => {
    expect(() => validateSpec({ ...spec, ...change })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });
});

describe('refuseUnsupported', () => {
  const all = (support: 'enforced' | 'unsupported') => ({
    ...{ controls: rows(CONTROLS, support), facets: rows(FACETS, support), boundary: 'container' as const },
  });
  function rows<K extends string>(keys: readonly K[], support: 'enforced' | 'unsupported') {
    const row = { support, how: 'by no means' };
    return Object.fromEntries(keys.map((key) => [key, row])) as Record<K, typeof row>;
  }
  const lacking = (what: string): Capabilities => {
    const { controls, facets, boundary } = all('enforced');
    const without = <K extends string, V extends object>(table: Record<K, V>) =>
      what in table ? { ...table, [what]: { support: 'unsupported', how: 'by no means' } } : table;
    return { controls: without(controls), facets: without(facets), boundary } as Capabilities;
  };
  const limit = (limits: Partial<SandboxSpec['limits']>) => ({ limits: { ...spec.limits, ...limits } });
  const secure = (security: Partial<SandboxSpec['security']>) => ({
    ...{ security: { ...spec.security, ...security } },
  });

  it.each<[string, Partial<SandboxSpec>]>([
    ['memory', limit({ memoryBytes: 1e9 })],
    ['cpus', limit({ cpus: 1 })],
    ['pids', limit({ pids: 64 })],
    ['open-files', limit({ openFiles: 64 })],
    ['file-size', limit({ fileSizeBytes: 1e6 })],
    ['disk', limit({ diskBytes: 1e9 })],
    ['tmpfs-size', { mounts: [tmpfs] }],
    ['read-only-root', { root: { type: 'host', readOnly: true } }],
    ['network-none', {}],
    ['network-full', { network: 'full' }],
    ['capabilities', secure({ capabilities: [] })],
    ['no-new-privileges', secure({ noNewPrivileges: true })],
    ['seccomp', secure({ seccomp: true })],
    ['long-lived', { lifecycle: 'long-lived' }],
    ['images', { root: { type: 'image', image: 'debian', readOnly: false } }],
    ['volumes', { mounts: [volume('home')] }],
  ])('names %s, where it is asked for and cannot be had', (what, change) => {
    const asked = { ...spec, ...change };
    expect(() => refuseUnsupported(asked, lacking(what))).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED', message: `${what}: by no means` }),
    );
    expect(() => refuseUnsupported(asked, all('enforced'))).not.toThrow();
    if (what === 'network-none') return;
    expect(() => refuseUnsupported(spec, lacking(what))).not.toThrow();
  });
});
