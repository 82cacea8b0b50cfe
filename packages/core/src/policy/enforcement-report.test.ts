import { expect, test } from 'vitest';
import type { Readback } from '../adapter/adapter.ts';
import {
  type Capabilities,
  type Capability,
  CONTROLS,
  type Control,
  type Support,
} from '../adapter/capabilities.ts';
import { buildSpec } from '../lifecycle/build-spec.ts';
import { enforcementReport } from './enforcement-report.ts';
import type { GuestView } from './observe-guest.ts';
import { specValue } from './observe-readback.ts';
import { agentPids, planEnforcement } from './plan-enforcement.ts';
import type { PolicyInput } from './policy.ts';
import { resolvePolicy } from './resolve-policy.ts';

const MIB = 2 ** 20;
const ASKED: PolicyInput = {
  memoryBytes: 512 * MIB,
  cpus: 1.5,
  pids: 100,
  openFiles: 256,
  fileSizeBytes: MIB,
  network: 'none',
  user: '1000',
};

/** A plan and its spec on a runtime that can do everything but what `changes` says. */
function prepare(values: PolicyInput, changes: Partial<Record<Control, Support>> = {}) {
  const controls = Object.fromEntries(
    CONTROLS.map((control) => [control, { support: changes[control] ?? 'enforced', how: `by ${control}` }]),
  ) as Record<Control, Capability>;
  const capabilities: Capabilities = {
    controls,
    facets: {} as Capabilities['facets'],
    boundary: 'container',
  };
  const resolved = resolvePolicy({
    lifecycle: 'ephemeral',
    trust: 'familiar',
    layers: [{ source: 'request', values }],
  });
  const plan = planEnforcement({ resolved, capabilities, runtime: 'acme', workspace: true });
  const spec = buildSpec({
    name: 'box',
    labels: {},
    lifecycle: 'ephemeral',
    plan,
    workspace: { type: 'directory', path: '/work' },
    identity: { uid: 1000, gid: 1000 },
    agent: { digest: 'd', path: () => '' },
    argv: ['agent'],
  });
  return { plan, spec, runtime: 'acme' };
}

type Prepared = ReturnType<typeof prepare>;

/** What an honest runtime reads back, with some rows replaced or left out. */
function readback(
  { plan, spec }: Prepared,
  changes: Partial<Record<Control, Partial<Readback> | null>> = {},
): Readback[] {
  return plan.controls.flatMap(({ control, support }) => {
    if (support === 'unsupported' || changes[control] === null) return [];
    const honest: Readback = {
      control,
      status: support,
      effective: specValue(control, spec) ?? true,
      how: `inspect ${control}`,
    };
    return [{ ...honest, ...changes[control] }];
  });
}

function guest(changes: Partial<GuestView['facts']> & { uid?: number } = {}): GuestView {
  const { uid = 1000, ...facts } = changes;
  return {
    uid,
    gid: 1000,
    facts: {
      capEff: '0000000000000000',
      capBnd: '0000000000000000',
      noNewPrivs: true,
      seccomp: 2,
      rlimits: { nofile: [256, 256], fsize: [MIB, MIB] },
      kernel: '6.1',
      cgroup: { memoryMax: 512 * MIB, pidsMax: 100 + agentPids('ephemeral'), cpuMax: 1.5 },
      home: '/home/sandbox',
      workdir: '/workspace',
      ...facts,
    },
  };
}

test('an honest runtime and an agent that agrees: all enforced, no warning', () => {
  const prepared = prepare(ASKED);
  const { report, warnings } = enforcementReport({
    ...prepared,
    readback: readback(prepared),
    guest: guest(),
  });
  expect(warnings).toEqual([]);
  expect(new Set(Object.values(report).map(({ status }) => status))).toEqual(new Set(['enforced']));
  expect(report.memory).toEqual({
    requested: 512 * MIB,
    effective: 512 * MIB,
    status: 'enforced',
    how: 'inspect memory',
    source: 'request',
  });
  expect(report.user).toMatchObject({ requested: '1000', effective: '1000:1000' });
});

test('what the agent takes of the processes is not shown', () => {
  const prepared = prepare(ASKED);
  expect(prepared.spec.limits.pids).toBe(100 + agentPids('ephemeral'));
  const { report } = enforcementReport({ ...prepared, readback: readback(prepared) });
  expect(report.pids).toMatchObject({ requested: 100, effective: 100 });
});

test.each([
  ['memory', { effective: null }, 'UNSUPPORTED'],
  ['memory', { effective: 1024 * MIB }, 'FAILED_PRECONDITION'],
  ['memory', { effective: 256 * MIB }, 'FAILED_PRECONDITION'],
  ['memory', { status: 'unsupported' }, 'UNSUPPORTED'],
  ['cpus', { effective: 2 }, 'FAILED_PRECONDITION'],
  ['pids', { effective: 0 }, 'FAILED_PRECONDITION'],
  ['open-files', { effective: 1024 }, 'FAILED_PRECONDITION'],
  ['network-none', { effective: 'full' }, 'FAILED_PRECONDITION'],
  ['network-none', { effective: false }, 'UNSUPPORTED'],
  ['workspace-access', { effective: 'ro' }, 'FAILED_PRECONDITION'],
  ['user', { effective: '0:0' }, 'FAILED_PRECONDITION'],
  ['namespaces', { effective: false }, 'UNSUPPORTED'],
] as const)('the runtime reads %s back as %j: %s', (control, change, code) => {
  const prepared = prepare(ASKED);
  const given = { ...prepared, readback: readback(prepared, { [control]: change }) };
  expect(() => enforcementReport(given)).toThrow(
    expect.objectContaining({
      code,
      runtime: 'acme',
      sandbox: 'box',
      message: expect.stringContaining(control),
    }),
  );
});

test.each([
  ['memory', { effective: 512 * MIB + 4096 }],
  ['memory', { effective: 512 * MIB - 65_536 }],
  ['cpus', { effective: 1.4999 }],
  ['network-none', { effective: true }],
] as const)('%s read back as %j is near enough', (control, change) => {
  const prepared = prepare(ASKED);
  const { report } = enforcementReport({ ...prepared, readback: readback(prepared, { [control]: change }) });
  expect(report[control]?.status).toBe('enforced');
});

test('a plain yes is shown as what it says yes to', () => {
  const prepared = prepare(ASKED);
  const given = { ...prepared, readback: readback(prepared, { 'network-none': { effective: true } }) };
  expect(enforcementReport(given).report['network-none']).toMatchObject({
    requested: 'none',
    effective: 'none',
  });
});

test('a built-in default that does not hold is reported, with a warning', () => {
  const prepared = prepare({});
  const changes = { memory: { effective: null }, pids: { effective: 5000 } };
  const { report, warnings } = enforcementReport({ ...prepared, readback: readback(prepared, changes) });
  expect(report.memory).toMatchObject({ effective: null, status: 'unsupported' });
  expect(report.pids).toMatchObject({ effective: 5000 - agentPids('ephemeral'), status: 'limited' });
  expect(warnings).toHaveLength(2);
});

test('best effort is reported too, and does not throw', () => {
  const prepared = prepare({ ...ASKED, bestEffort: ['memory'] });
  const { warnings } = enforcementReport({
    ...prepared,
    readback: readback(prepared, { memory: { effective: null } }),
  });
  expect(warnings).toEqual([expect.stringContaining('memory')]);
});

test('a runtime that says why it holds less is believed, aloud where somebody asked', () => {
  const prepared = prepare(ASKED);
  const change = { memory: { status: 'limited', effective: 500 * MIB, how: 'whole megabytes' } } as const;
  const { report, warnings } = enforcementReport({ ...prepared, readback: readback(prepared, change) });
  expect(report.memory).toMatchObject({ effective: 500 * MIB, status: 'limited', how: 'whole megabytes' });
  expect(warnings).toEqual([expect.stringContaining('whole megabytes')]);
});

test('a limit that the plan has warned of is not warned of again', () => {
  const prepared = prepare({ ...ASKED, network: 'full' }, { 'network-full': 'limited' });
  const change = {
    status: 'limited',
    effective: 'full',
    how: 'inspect NetworkMode; reaches the host',
  } as const;
  const rows = readback(prepared, { 'network-full': change });
  const { report, warnings } = enforcementReport({ ...prepared, readback: rows });
  expect(report['network-full']).toMatchObject({ effective: 'full', status: 'limited' });
  expect([...prepared.plan.warnings, ...warnings]).toEqual([
    expect.stringMatching(/^network-full is limited/),
  ]);
});

test('a limit that only shows afterwards is told without an instead', () => {
  const prepared = prepare(ASKED);
  const change = { memory: { status: 'limited', how: 'inspect Memory; swap is not limited' } } as const;
  const { warnings } = enforcementReport({ ...prepared, readback: readback(prepared, change) });
  expect(warnings).toEqual([expect.stringMatching(/^memory \d+ is limited: inspect Memory; swap/)]);
});

test('what nobody read back is not called enforced', () => {
  const prepared = prepare(ASKED);
  const { report, warnings } = enforcementReport({
    ...prepared,
    readback: readback(prepared, { memory: null, seccomp: null }),
  });
  expect(report.memory).toMatchObject({ status: 'limited', how: 'by memory; not read back' });
  expect(report.seccomp).toMatchObject({ status: 'limited' });
  expect(warnings).toEqual([expect.stringContaining('memory')]);
});

test('what the agent sees is as good as a readback', () => {
  const prepared = prepare(ASKED);
  const given = { ...prepared, readback: readback(prepared, { memory: null }), guest: guest() };
  expect(enforcementReport(given).report.memory).toMatchObject({ status: 'enforced', effective: 512 * MIB });
});

test.each([
  ['user', { uid: 0 }, 'FAILED_PRECONDITION'],
  ['memory', { cgroup: { memoryMax: 1024 * MIB, pidsMax: null, cpuMax: null } }, 'FAILED_PRECONDITION'],
  ['pids', { cgroup: { memoryMax: null, pidsMax: 10_000, cpuMax: null } }, 'FAILED_PRECONDITION'],
  ['cpus', { cgroup: { memoryMax: null, pidsMax: null, cpuMax: 8 } }, 'FAILED_PRECONDITION'],
  ['open-files', { rlimits: { nofile: [256, 1024] } }, 'FAILED_PRECONDITION'],
  ['file-size', { rlimits: { fsize: [null, null] } }, 'UNSUPPORTED'],
] as const)('the agent contradicts the runtime about %s', (control, facts, code) => {
  const prepared = prepare(ASKED);
  const given = {
    ...prepared,
    readback: readback(prepared),
    guest: guest(facts as Parameters<typeof guest>[0]),
  };
  expect(() => enforcementReport(given)).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(control) }),
  );
});

test.each([
  ['capabilities', { capBnd: '00000000a80425fb' }, 'limited'],
  ['capabilities', { capEff: '0000000000200000' }, 'limited'],
  ['no-new-privileges', { noNewPrivs: false }, 'unsupported'],
  ['seccomp', { seccomp: 0 }, 'unsupported'],
] as const)('the agent finds %s missing: a default, so it is reported', (control, facts, status) => {
  const prepared = prepare(ASKED);
  const { report, warnings } = enforcementReport({
    ...prepared,
    readback: readback(prepared),
    guest: guest(facts),
  });
  expect(report[control]?.status).toBe(status);
  expect(warnings).toEqual([expect.stringContaining(control)]);
});

test.each([
  ['', 'enforced', 'none'],
  ['none', 'enforced', 'none'],
  ['NET_RAW', 'limited', 'NET_RAW'],
  ['CAP_CHOWN,NET_RAW', 'limited', 'CAP_CHOWN,NET_RAW'],
  ['CHOWN NET_RAW', 'limited', 'CHOWN NET_RAW'],
  ['dropped with the user', 'enforced', 'dropped with the user'],
])('capabilities read back as %j: %s', (effective, status, shown) => {
  const prepared = prepare(ASKED);
  const { report } = enforcementReport({
    ...prepared,
    readback: readback(prepared, { capabilities: { effective } }),
  });
  expect(report.capabilities).toMatchObject({ status, effective: shown });
});

test('an agent that talks nonsense about itself proves nothing', () => {
  const prepared = prepare(ASKED);
  const nonsense = guest({ capBnd: 'zz', capEff: '-1' });
  const { report } = enforcementReport({ ...prepared, readback: readback(prepared), guest: nonsense });
  expect(report.capabilities?.status).toBe('enforced');
});

test('capabilities for a package manager are what was asked for, and one more is not', () => {
  const prepared = prepare({ ...ASKED, allowRoot: true });
  const seen = (capBnd: string) => ({ ...prepared, readback: readback(prepared), guest: guest({ capBnd }) });
  // chown dac_override fowner fsetid kill setgid setuid sys_chroot
  expect(enforcementReport(seen('00000000000400fb')).report.capabilities?.status).toBe('enforced');
  expect(() => enforcementReport(seen('00000000002400fb'))).toThrow(
    expect.objectContaining({ code: 'FAILED_PRECONDITION' }),
  );
});

test('what the agent cannot see, or sees less of, proves nothing', () => {
  const prepared = prepare(ASKED);
  const blind = guest({
    capBnd: null,
    capEff: null,
    noNewPrivs: null,
    seccomp: null,
    rlimits: {},
    cgroup: { memoryMax: 8 * MIB, pidsMax: null, cpuMax: 0.5 },
  });
  const { report, warnings } = enforcementReport({ ...prepared, readback: readback(prepared), guest: blind });
  expect(report.memory).toMatchObject({ status: 'enforced', effective: 512 * MIB });
  expect(warnings).toEqual([]);
});

test('what the plan left out stays as the plan reported it', () => {
  const prepared = prepare({}, { seccomp: 'unsupported' });
  const { report, warnings } = enforcementReport({
    ...prepared,
    readback: readback(prepared),
    guest: guest({ seccomp: 0, rlimits: {}, cgroup: { memoryMax: null, pidsMax: null, cpuMax: null } }),
  });
  expect(report.seccomp).toEqual(prepared.plan.report.seccomp);
  expect(warnings).toEqual([]);
});
