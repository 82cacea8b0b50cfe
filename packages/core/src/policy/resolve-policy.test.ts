import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BUILT_IN_CEILINGS, ceilingFor, checkSandboxCount, chooseLifecycle } from './ceilings.ts';
import { BUILT_IN_DEFAULTS } from './defaults.ts';
import {
  type Lifecycle,
  POLICY_SOURCES,
  type Policy,
  type PolicyInput,
  type PolicySource,
  TRUST_LEVELS,
  type Trust,
} from './policy.ts';
import { type PolicyLayer, resolvePolicy } from './resolve-policy.ts';

const MIB = 2 ** 20;
const sources = POLICY_SOURCES.filter((source): source is PolicyLayer['source'] => source !== 'default');

function resolve(layers: readonly PolicyLayer[], trust: Trust = 'familiar') {
  return resolvePolicy({ lifecycle: 'ephemeral', layers, trust });
}

test.each(['ephemeral', 'long-lived'] as const)('nobody says anything: the defaults of %s', (lifecycle) => {
  const resolved = resolvePolicy({ lifecycle, layers: [], trust: 'familiar' });
  expect(resolved.policy).toEqual(BUILT_IN_DEFAULTS[lifecycle]);
  expect(new Set(Object.values(resolved.sources))).toEqual(new Set(['default']));
  expect(resolved).toMatchObject({ lifecycle, trust: 'familiar', ceiling: {}, warnings: [] });
});

test('the strongest layer that has a key wins, whatever the order, and is named', () => {
  const layer = fc.record({
    source: fc.constantFrom(...sources),
    pids: fc.option(fc.integer({ min: 1, max: 4096 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.uniqueArray(layer, { selector: ({ source }) => source }), (given) => {
      const { policy, sources: from } = resolve(
        given.map(({ source, pids }) => ({ source, values: { pids } })),
      );
      const strongest = sources
        .toReversed()
        .map((source) => given.find((one) => one.source === source && one.pids !== undefined));
      const winner = strongest.find((one) => one !== undefined);
      expect(policy.pids).toBe(winner?.pids ?? 1024);
      expect(from.pids).toBe(winner?.source ?? 'default');
    }),
  );
});

/** For every key of a policy a value for each layer, weakest first. */
const values: { readonly [K in keyof Required<PolicyInput>]: readonly Policy[K][] } = {
  image: ['a', 'b', 'c', 'd'],
  profile: ['strict', 'workspace', 'strict', 'workspace'],
  memoryBytes: [64, 65, 66, 67].map((count) => count * MIB),
  cpus: [1, 2, 3, 4],
  pids: [1, 2, 3, 4],
  openFiles: [16, 17, 18, 19],
  fileSizeBytes: [1, 2, null, 4],
  diskBytes: [1, null, 3, 4],
  tmpfsBytes: [4096, 8192, 16384, 32768],
  network: ['full', 'none', 'full', 'none'],
  workspaceAccess: ['ro', 'none', 'rw', 'ro'],
  allowRoot: [true, false, true, false],
  timeoutMs: [1, 2, null, 4],
  user: ['1', '2', null, '4'],
  env: [{ A: '1' }, { A: '2' }, { A: '3' }, { A: '4' }],
  bestEffort: [['cpus'], [], ['pids'], ['disk']],
};

test.each(Object.keys(values) as (keyof Policy)[])('%s: default < config < user < cron < request', (key) => {
  expect(resolve([]).sources[key]).toBe('default');
  for (let count = 1; count <= sources.length; count += 1) {
    const layers = sources
      .slice(0, count)
      .map((source, index) => ({ source, values: { [key]: values[key][index] } }));
    const resolved = resolve(layers.toReversed(), 'owner');
    expect(resolved.policy[key]).toEqual(values[key][count - 1]);
    expect(resolved.sources[key]).toBe(sources[count - 1]);
  }
});

test('null is a value of its own', () => {
  const { policy, sources: from } = resolve([
    { source: 'config', values: { timeoutMs: 5000 } },
    { source: 'request', values: { timeoutMs: null } },
  ]);
  expect(policy.timeoutMs).toBeNull();
  expect(from.timeoutMs).toBe('request');
});

test('the environment is merged name by name', () => {
  const { policy, sources: from } = resolve([
    { source: 'request', values: { env: { B: 'request', ['__proto__']: 'x' } } },
    { source: 'config', values: { env: { A: 'config', B: 'config' } } },
  ]);
  expect(Object.entries(policy.env)).toEqual(
    expect.arrayContaining([
      ['A', 'config'],
      ['B', 'request'],
      ['__proto__', 'x'],
    ]),
  );
  expect(from.env).toBe('request');
});

test('a bad layer is named', () => {
  expect(() => resolve([{ source: 'cron', values: { pids: 0 } }])).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(/^cron: `pids`/) }),
  );
});

/** Each ceiling: what it allows, what is above it, and what the value is lowered to. */
const ceilings = [
  [
    'max_memory',
    { maxMemoryBytes: 64 * MIB },
    { memoryBytes: 64 * MIB },
    { memoryBytes: 65 * MIB },
    { memoryBytes: 64 * MIB },
  ],
  ['max_cpus', { maxCpus: 1.5 }, { cpus: 1.5 }, { cpus: 1.6 }, { cpus: 1.5 }],
  ['max_cpus', { maxCpus: 1.5 }, { cpus: 1 }, { cpus: null }, { cpus: 1.5 }],
  ['max_pids', { maxPids: 10 }, { pids: 10 }, { pids: 11 }, { pids: 10 }],
  ['max_timeout', { maxTimeoutMs: 5000 }, { timeoutMs: 5000 }, { timeoutMs: 5001 }, { timeoutMs: 5000 }],
  ['max_timeout', { maxTimeoutMs: 5000 }, { timeoutMs: 1 }, { timeoutMs: null }, { timeoutMs: 5000 }],
  ['allow_network', { allowNetwork: false }, { network: 'none' }, { network: 'full' }, { network: 'none' }],
  ['allow_root', { allowRoot: false }, { allowRoot: false }, { allowRoot: true }, { allowRoot: false }],
  ['allow_root', { allowRoot: false }, { user: '1000' }, { user: 'root' }, { user: null }],
  [
    'best_effort',
    { bestEffort: ['cpus'] },
    { bestEffort: ['cpus'] },
    { bestEffort: ['cpus', 'pids'] },
    { bestEffort: ['cpus'] },
  ],
] as const satisfies readonly (readonly [string, object, PolicyInput, PolicyInput, PolicyInput])[];
const cases = TRUST_LEVELS.flatMap((trust) => ceilings.map((row) => [trust, ...row] as const));

test.each(cases)('%s with %s %j: %j may be asked for, %j may not', (trust, name, ceiling, allowed, above) => {
  const ask = (source: PolicyLayer['source'], values: PolicyInput) =>
    resolvePolicy({
      lifecycle: 'ephemeral',
      layers: [{ source, values }],
      trust,
      ceilings: { [trust]: ceiling },
    });
  expect(ask('request', allowed).policy).toMatchObject(allowed);
  expect(() => ask('request', above)).toThrow(
    expect.objectContaining({
      code: 'PERMISSION_DENIED',
      message: expect.stringMatching(new RegExp(`^${name}: trust ${trust}`)),
    }),
  );
});

test.each(cases)(
  '%s with %s %j: configured %#, it is lowered',
  (trust, name, ceiling, _allowed, above, lowered) => {
    for (const source of ['config', 'user', 'cron'] as const) {
      const layers = [{ source, values: above }];
      const resolved = resolvePolicy({
        lifecycle: 'ephemeral',
        layers,
        trust,
        ceilings: { [trust]: ceiling },
      });
      expect(resolved.policy).toMatchObject(lowered);
      expect(resolved.warnings).toContainEqual(expect.stringMatching(new RegExp(`^${name}: trust ${trust}`)));
      const key = Object.keys(above)[0] as keyof typeof resolved.sources;
      expect(resolved.sources[key]).toBe(source satisfies PolicySource);
    }
  },
);

test.each(TRUST_LEVELS)('another level’s ceilings do not hold for %s', (trust) => {
  const others = Object.fromEntries(
    TRUST_LEVELS.filter((level) => level !== trust).map((level) => [level, { maxPids: 1 }]),
  );
  const layers = [{ source: 'request', values: { pids: 100 } }] as const;
  expect(resolvePolicy({ lifecycle: 'ephemeral', layers, trust, ceilings: others }).policy.pids).toBe(100);
});

test('the built-in ceilings: the public alone is bounded, and its defaults are lowered', () => {
  expect(Object.keys(BUILT_IN_CEILINGS)).toEqual(['public']);
  const { policy, warnings } = resolve([], 'public');
  expect(policy).toMatchObject({
    memoryBytes: 512 * MIB,
    cpus: 1,
    pids: 128,
    timeoutMs: 60_000,
    network: 'none',
    allowRoot: false,
  });
  expect(warnings).toHaveLength(4);
});

test('a configured ceiling replaces the built-in one, key by key', () => {
  expect(ceilingFor('public', { public: { maxPids: 256, maxCpus: undefined } })).toMatchObject({
    maxPids: 256,
    maxCpus: 1,
  });
});

test('a network that nobody asked for is there only where it is allowed, without a word', () => {
  const resolved = resolvePolicy({
    lifecycle: 'long-lived',
    layers: [],
    trust: 'inner',
    ceilings: { inner: { allowNetwork: false } },
  });
  expect(resolved).toMatchObject({ policy: { network: 'none' }, warnings: [] });
});

test.each(TRUST_LEVELS)('long-lived sandboxes can be forbidden to %s', (trust) => {
  const choose = (asked: Lifecycle | undefined, allowLongLived: boolean | undefined) =>
    chooseLifecycle({ asked, configured: 'long-lived', trust, ceiling: { allowLongLived } });
  for (const allowed of [true, undefined]) {
    expect(choose('long-lived', allowed)).toEqual({ lifecycle: 'long-lived', warnings: [] });
    expect(choose(undefined, allowed)).toEqual({ lifecycle: 'long-lived', warnings: [] });
  }
  expect(() => choose('long-lived', false)).toThrow(
    expect.objectContaining({
      code: 'PERMISSION_DENIED',
      message: expect.stringMatching(new RegExp(`^allow_long_lived: trust ${trust}`)),
    }),
  );
  expect(choose(undefined, false)).toEqual({
    lifecycle: 'ephemeral',
    warnings: [expect.stringMatching(new RegExp(`^allow_long_lived: trust ${trust}`))],
  });
  expect(choose('ephemeral', false)).toEqual({ lifecycle: 'ephemeral', warnings: [] });
});

test.each(TRUST_LEVELS)(
  'the built-in ceilings forbid long-lived sandboxes to the public alone: %s',
  (trust) => {
    const choose = () =>
      chooseLifecycle({ asked: 'long-lived', configured: 'ephemeral', trust, ceiling: ceilingFor(trust) });
    if (trust === 'public') expect(choose).toThrow(expect.objectContaining({ code: 'PERMISSION_DENIED' }));
    else expect(choose().lifecycle).toBe('long-lived');
  },
);

test('sandboxes are counted', () => {
  expect(() => checkSandboxCount(1, 'public', ceilingFor('public'))).not.toThrow();
  expect(() => checkSandboxCount(2, 'public', ceilingFor('public'))).toThrow(
    expect.objectContaining({
      code: 'RESOURCE_EXHAUSTED',
      message: expect.stringContaining('max_sandboxes'),
    }),
  );
  expect(() => checkSandboxCount(1000, 'familiar', ceilingFor('familiar'))).not.toThrow();
});
