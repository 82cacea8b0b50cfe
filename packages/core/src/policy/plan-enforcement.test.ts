import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Capabilities,
  type Capability,
  CONTROLS,
  type Control,
  type Support,
} from '../adapter/capabilities.ts';
import { agentPids, type PlanRequest, planEnforcement, ROOT_CAPABILITIES } from './plan-enforcement.ts';
import type { Lifecycle, PolicyInput, Trust } from './policy.ts';
import { resolvePolicy } from './resolve-policy.ts';
import { NEVER_RELAXED } from './schema.ts';

const GIB = 2 ** 30;

function capabilities(
  changes: Partial<Record<Control, Support>> = {},
  boundary: Capabilities['boundary'] = 'container',
) {
  const controls = Object.fromEntries(
    CONTROLS.map((control) => {
      const support = changes[control] ?? 'enforced';
      return [control, { support, how: `${control} ${support}` }];
    }),
  ) as Record<Control, Capability>;
  return { controls, facets: {} as Capabilities['facets'], boundary };
}

interface Ask {
  readonly values?: PolicyInput;
  readonly lifecycle?: Lifecycle;
  readonly trust?: Trust;
  readonly has?: Capabilities;
  readonly workspace?: boolean;
  readonly existing?: boolean;
}

function plan({
  values = {},
  lifecycle = 'ephemeral',
  trust = 'familiar',
  has = capabilities(),
  workspace = false,
  existing = false,
}: Ask) {
  const resolved = resolvePolicy({ lifecycle, trust, layers: [{ source: 'request', values }] });
  const request: PlanRequest = { resolved, capabilities: has, runtime: 'acme', workspace, existing };
  return planEnforcement(request);
}

/** A request for each control that somebody can ask for. */
const REQUESTS: Readonly<Partial<Record<Control, PolicyInput>>> = {
  memory: { memoryBytes: GIB },
  cpus: { cpus: 1 },
  pids: { pids: 50 },
  'open-files': { openFiles: 100 },
  'file-size': { fileSizeBytes: GIB },
  disk: { diskBytes: GIB },
  'tmpfs-size': { tmpfsBytes: GIB },
  'read-only-root': { profile: 'strict' },
  'network-none': { network: 'none' },
  'network-full': { network: 'full' },
  'workspace-access': { workspaceAccess: 'ro' },
  user: { user: '5' },
  capabilities: { allowRoot: true },
};
const requests = Object.entries(REQUESTS) as [Control, PolicyInput][];

test('nothing asked, everything there: the defaults, and not a word', () => {
  expect(plan({})).toMatchObject({
    limits: {
      memoryBytes: 4 * GIB,
      cpus: null,
      pids: 1024 + agentPids('ephemeral'),
      fileSizeBytes: null,
      diskBytes: null,
    },
    network: 'none',
    readOnlyRoot: true,
    security: { capabilities: [], noNewPrivileges: true, seccomp: true },
    warnings: [],
  });
});

test('a long-lived sandbox has a writable root and a network', () => {
  expect(plan({ lifecycle: 'long-lived' })).toMatchObject({ network: 'full', readOnlyRoot: false });
});

test('what may be entered as root keeps what a package manager needs', () => {
  expect(plan({ values: { allowRoot: true } }).security.capabilities).toEqual(ROOT_CAPABILITIES);
});

test.each(requests)('%s asked for and unsupported is refused by name', (control, values) => {
  const ask = { values, has: capabilities({ [control]: 'unsupported' }), workspace: true };
  const hint = NEVER_RELAXED.includes(control)
    ? /^Use another runtime/
    : new RegExp(`--best-effort ${control}\``);
  expect(() => plan(ask)).toThrow(
    expect.objectContaining({
      code: 'UNSUPPORTED',
      runtime: 'acme',
      message: `acme cannot enforce ${control} (${control} unsupported) here`,
      hint: expect.stringMatching(hint),
    }),
  );
});

test.each(requests.filter(([control]) => !NEVER_RELAXED.includes(control)))(
  '%s asked for, unsupported and left to best effort gives one warning',
  (control, values) => {
    const has = capabilities({ [control]: 'unsupported' });
    const { report, warnings } = plan({ values: { ...values, bestEffort: [control] }, has });
    expect(warnings).toEqual([expect.stringContaining(control)]);
    if (control === 'network-full')
      expect(report['network-none']).toMatchObject({ status: 'enforced', source: 'request' });
    else expect(report[control]).toMatchObject({ effective: null, status: 'unsupported', source: 'request' });
  },
);

test('defaults that are unsupported are left out, with one warning for all', () => {
  const missing = [
    'memory',
    'pids',
    'open-files',
    'tmpfs-size',
    'read-only-root',
    'capabilities',
    'no-new-privileges',
    'seccomp',
  ] as const;
  const has = capabilities(Object.fromEntries(missing.map((control) => [control, 'unsupported'])));
  const { limits, readOnlyRoot, security, report, warnings } = plan({ has });
  expect(limits).toMatchObject({ memoryBytes: null, pids: null, openFiles: null });
  expect(readOnlyRoot).toBe(false);
  expect(security).toEqual({ capabilities: null, noNewPrivileges: false, seccomp: false });
  expect(warnings).toHaveLength(1);
  for (const control of missing) {
    expect(warnings[0]).toContain(control);
    expect(report[control]).toMatchObject({ effective: null, status: 'unsupported', source: 'default' });
  }
});

test.each(NEVER_RELAXED)('%s is never relaxed, not even when nobody asked', (control) => {
  const has = capabilities({ [control]: 'unsupported' });
  expect(() => plan({ has, workspace: true })).toThrow(
    expect.objectContaining({ code: 'UNSUPPORTED', message: expect.stringContaining(control) }),
  );
});

test('without a workspace nobody needs its access', () => {
  expect(plan({ has: capabilities({ 'workspace-access': 'unsupported' }) }).report).not.toHaveProperty(
    'workspace-access',
  );
});

test('a network by default gives way to none; one that was asked for does not', () => {
  const has = capabilities({ 'network-full': 'unsupported' });
  expect(plan({ lifecycle: 'long-lived', has })).toMatchObject({
    network: 'none',
    policy: { network: 'none' },
    warnings: [expect.stringContaining('network-full')],
  });
  expect(() => plan({ lifecycle: 'long-lived', has, values: { network: 'full' } })).toThrow(/network-full/);
  const neither = capabilities({ 'network-full': 'unsupported', 'network-none': 'unsupported' });
  expect(() => plan({ lifecycle: 'long-lived', has: neither })).toThrow(/network-none/);
});

test('what a ceiling bounds is never left out just because nobody asked', () => {
  const has = capabilities({ memory: 'unsupported' });
  expect(() => plan({ has, trust: 'public' })).toThrow(
    expect.objectContaining({ code: 'UNSUPPORTED', message: expect.stringContaining('memory') }),
  );
  expect(plan({ has, trust: 'familiar' }).limits.memoryBytes).toBeNull();
});

test('a limit is named when somebody asked, and always for a network', () => {
  const has = capabilities({ memory: 'limited', 'network-full': 'limited' });
  expect(plan({ has }).warnings).toEqual([]);
  expect(plan({ has, values: { memoryBytes: GIB } }).warnings).toEqual(['memory is limited: memory limited']);
  expect(plan({ has, lifecycle: 'long-lived' }).warnings).toEqual([
    'network-full is limited: network-full limited',
  ]);
});

test('of a sandbox that is there, only what is asked for now is told', () => {
  const has = capabilities({
    memory: 'limited',
    'network-full': 'limited',
    cpus: 'unsupported',
    pids: 'unsupported',
  });
  const ask = { has, lifecycle: 'long-lived', existing: true } as const;
  expect(plan(ask).warnings).toEqual([]);
  expect(plan({ ...ask, existing: false }).warnings).toHaveLength(2);
  expect(plan({ ...ask, values: { memoryBytes: GIB } }).warnings).toEqual([
    'memory is limited: memory limited',
  ]);
  expect(plan({ ...ask, values: { network: 'full' } }).warnings).toHaveLength(1);
  const relaxed = { cpus: 1, bestEffort: ['cpus'] } as const;
  expect(plan({ ...ask, values: relaxed }).warnings).toEqual([expect.stringContaining('best effort')]);
  const none = capabilities({ 'network-full': 'unsupported' });
  expect(plan({ ...ask, has: none })).toMatchObject({ network: 'none', warnings: [] });
});

test('a kernel of its own makes a filter pointless', () => {
  expect(plan({ has: capabilities({ seccomp: 'unsupported' }, 'vm') }).warnings).toEqual([]);
  expect(plan({ has: capabilities({ seccomp: 'unsupported' }) }).warnings).toHaveLength(1);
});

test('whatever a runtime can do: refused by name, or each gap in the report and in a warning', () => {
  const support = fc.constantFrom<Support>('enforced', 'limited', 'unsupported');
  const has = fc.record(Object.fromEntries(CONTROLS.map((control) => [control, support])));
  const asked = fc
    .subarray(requests)
    .map((rows) => Object.assign({}, ...rows.map(([, values]) => values)) as PolicyInput);
  const lifecycle = fc.constantFrom<Lifecycle>('ephemeral', 'long-lived');
  fc.assert(
    fc.property(has, asked, lifecycle, (controls, values, life) => {
      const unsupported = CONTROLS.filter((control) => controls[control] === 'unsupported');
      try {
        const result = plan({ values, lifecycle: life, has: capabilities(controls), workspace: true });
        for (const { control, required } of result.controls) {
          if (!unsupported.includes(control)) continue;
          expect(required).toBe(false);
          expect(result.report[control]?.status).toBe('unsupported');
          expect(result.warnings.join()).toContain(control);
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'UNSUPPORTED' });
        expect(unsupported.some((control) => (error as Error).message.includes(control))).toBe(true);
      }
    }),
  );
});
