import { expect, test } from 'vitest';
import { type Capabilities, type Capability, CONTROLS, type Control } from '../adapter/capabilities.ts';
import { planEnforcement } from '../policy/plan-enforcement.ts';
import type { Lifecycle, PolicyInput } from '../policy/policy.ts';
import { resolvePolicy } from '../policy/resolve-policy.ts';
import { buildSpec } from './build-spec.ts';
import { GUEST_PATH } from './guest-layout.ts';
import type { SpecRequest } from './spec-request.ts';

const controls = Object.fromEntries(
  CONTROLS.map((control) => [control, { support: 'enforced', how: '' }]),
) as Record<Control, Capability>;
const capabilities: Capabilities = { controls, facets: {} as Capabilities['facets'], boundary: 'container' };
const identity = { uid: 1234, gid: 1234 };

function build(
  lifecycle: Lifecycle,
  values: PolicyInput = {},
  { without, ...changes }: Partial<SpecRequest> & { without?: Control } = {},
) {
  const resolved = resolvePolicy({ lifecycle, trust: 'familiar', layers: [{ source: 'request', values }] });
  const plan = planEnforcement({
    resolved,
    capabilities:
      without === undefined
        ? capabilities
        : { ...capabilities, controls: { ...controls, [without]: { support: 'unsupported', how: '' } } },
    runtime: 'acme',
    workspace: changes.workspace != null,
  });
  return buildSpec({
    name: 'sandbox-web-1',
    labels: { 'dev.sandbox.managed': 'true' },
    lifecycle,
    plan,
    identity,
    agent: { digest: 'd', path: () => '' },
    argv: ['/.sandbox/d/agent', 'session'],
    ...changes,
  });
}
const workspace = { type: 'directory', path: '/srv/web' } as const;
const targets = (spec: ReturnType<typeof build>) =>
  spec.mounts.map(({ type, target }) => `${type} ${target}`);

test('strict: a read-only root, sized places to write, no network', () => {
  const spec = build('ephemeral');
  expect(spec).toMatchObject({
    root: { type: 'image', image: 'debian:bookworm-slim', readOnly: true },
    network: 'none',
    user: { ...identity, allowRoot: false },
    workdir: '/home/sandbox',
    security: { capabilities: [], noNewPrivileges: true, seccomp: true },
  });
  expect(targets(spec)).toEqual(['tmpfs /sandbox', 'tmpfs /tmp', 'tmpfs /home/sandbox']);
  for (const mount of spec.mounts)
    expect(mount).toMatchObject({ sizeBytes: 512 * 2 ** 20, exec: true, owner: identity });
  expect(spec.mounts[1]).toMatchObject({ mode: 0o1777 });
});

test('a runtime without bounded tmpfs gets none', () => {
  expect(targets(build('ephemeral', {}, { without: 'tmpfs-size' }))).toEqual([]);
});

test('workspace: a writable root, HOME on a volume of its own', () => {
  const spec = build('long-lived', {}, { workspace });
  expect(spec).toMatchObject({ root: { readOnly: false }, network: 'full', workdir: '/workspace' });
  expect(targets(spec)).toEqual(['bind /workspace', 'tmpfs /sandbox', 'volume /home/sandbox']);
  expect(spec.mounts[2]).toMatchObject({ volume: 'sandbox-web-1-home', owner: identity, readOnly: false });
});

test('a workspace profile that does not live long leaves no volume behind', () => {
  expect(targets(build('ephemeral', { profile: 'workspace' }))).toEqual([
    'tmpfs /sandbox',
    'tmpfs /home/sandbox',
  ]);
});

test.each([
  ['rw', [{ type: 'bind', source: '/srv/web', target: '/workspace', readOnly: false }]],
  ['ro', [{ type: 'bind', source: '/srv/web', target: '/workspace', readOnly: true }]],
  ['none', []],
] as const)('workspace access %s', (workspaceAccess, expected) => {
  const spec = build('ephemeral', { workspaceAccess }, { workspace });
  expect(spec.mounts.filter(({ target }) => target === '/workspace')).toEqual(expected);
  expect(spec.workdir).toBe(workspaceAccess === 'none' ? '/home/sandbox' : '/workspace');
});

test('a volume can be the workspace', () => {
  const spec = build(
    'ephemeral',
    {},
    { workspace: { type: 'volume', labels: { a: 'b' }, volume: 'sandbox-project-web' } },
  );
  expect(spec.mounts).toContainEqual({
    type: 'volume',
    volume: 'sandbox-project-web',
    labels: { a: 'b' },
    target: '/workspace',
    readOnly: false,
    owner: identity,
  });
});

test('every VOLUME of the image is covered in strict, once, parents first', () => {
  const image = {
    volumes: [
      '/var/lib/db/',
      '/data',
      '/tmp',
      '/workspace',
      '/.sandbox',
      '/.sandbox/x',
      '/',
      '/data',
      '/home',
    ],
  };
  expect(targets(build('ephemeral', {}, { image, workspace }))).toEqual([
    'bind /workspace',
    'tmpfs /sandbox',
    'tmpfs /tmp',
    'tmpfs /data',
    'tmpfs /home',
    'tmpfs /home/sandbox',
    'tmpfs /var/lib/db',
  ]);
  expect(targets(build('long-lived', {}, { image }))).not.toContain('tmpfs /data');
});

test('the environment: what a program expects, then the policy’s, then the request’s', () => {
  const spec = build(
    'ephemeral',
    { env: { A: 'policy', B: 'policy', LANG: 'C' } },
    { env: { B: 'request' } },
  );
  expect(spec.env).toEqual({
    HOME: '/home/sandbox',
    USER: 'sandbox',
    TMPDIR: '/tmp',
    PATH: GUEST_PATH,
    LANG: 'C',
    A: 'policy',
    B: 'request',
  });
});

test('an image knows where its programs are, but not who the guest is', () => {
  const image = { env: { PATH: '/opt/node/bin:/bin', LANG: 'de_DE.UTF-8', HOME: '/root', USER: 'node' } };
  expect(build('ephemeral', {}, { image }).env).toMatchObject({
    PATH: '/opt/node/bin:/bin',
    LANG: 'de_DE.UTF-8',
    HOME: '/home/sandbox',
    USER: 'sandbox',
  });
  expect(build('ephemeral', {}, { identity: { uid: 0, gid: 0 } }).env.USER).toBe('root');
});

test.each([
  [undefined, undefined, '/home/sandbox'],
  [undefined, '/app', '/app'],
  [undefined, '/', '/home/sandbox'],
  ['/srv/../opt', '/app', '/opt'],
])('workdir %j of the request and %j of the image', (workdir, own, expected) => {
  const image = own === undefined ? {} : { workdir: own };
  expect(build('ephemeral', {}, { workdir, image }).workdir).toBe(expected);
});

test.each([
  ['a relative workdir', { workdir: 'src' }],
  ['an empty command', { argv: [] }],
  ['a bad name', { name: '../x' }],
  ['a bad environment', { env: { 'A=B': '' } }],
])('%s is refused', (_, changes) => {
  expect(() => build('ephemeral', {}, changes)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  );
});

test('a root file system need not come from an image', () => {
  expect(build('ephemeral', {}, { root: { type: 'host' } }).root).toEqual({ type: 'host', readOnly: true });
});

test('the whole environment of an image is laid below that of a directory unpacked from it', () => {
  const image = { env: { PATH: '/usr/games', GOPATH: '/go', HOME: '/root' }, workdir: '/srv' };
  const directory = build('ephemeral', {}, { image, root: { type: 'directory', path: '/r' } });
  expect(directory).toMatchObject({
    env: { PATH: '/usr/games', GOPATH: '/go', HOME: '/home/sandbox' },
    workdir: '/srv',
  });
  // A runtime with images does this itself.
  expect(build('ephemeral', {}, { image }).env).not.toHaveProperty('GOPATH');
  const bad = { image: { env: { 'A=B': '' } }, root: { type: 'directory', path: '/r' } } as const;
  expect(() => build('ephemeral', {}, bad)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});

test('what an ordinary user installs is found where HOME is kept, before the image’s own', () => {
  const image = { env: { PATH: '/opt/bin:/bin' } };
  expect(build('long-lived', {}, { image }).env).toMatchObject({
    PATH: '/home/sandbox/.local/bin:/home/sandbox/.cargo/bin:/opt/bin:/bin',
    NPM_CONFIG_PREFIX: '/home/sandbox/.local',
    PIP_BREAK_SYSTEM_PACKAGES: '1',
  });
  expect(build('long-lived', { env: { PATH: '/bin' } }, { image }).env).toMatchObject({ PATH: '/bin' });
  const once = build('ephemeral', {}, { image }).env;
  expect(once).toMatchObject({ PATH: '/opt/bin:/bin' });
  expect(Object.keys(once)).not.toContain('NPM_CONFIG_PREFIX');
});
