import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CeilingsByTrust } from './ceilings.ts';
import {
  CREATION_KEYS,
  type CreationPolicy,
  checkExisting,
  isStricter,
  parsePolicyLabel,
  policyHash,
  policyLabel,
} from './compare-policies.ts';
import { BUILT_IN_DEFAULTS } from './defaults.ts';
import type { PolicyInput } from './policy.ts';
import { resolvePolicy } from './resolve-policy.ts';

const MIB = 2 ** 20;
const identity = { uid: 1000, gid: 1000 };
const existing: CreationPolicy = { ...BUILT_IN_DEFAULTS['long-lived'], user: '1000:1000' };

const ask = (values: PolicyInput, ceilings: CeilingsByTrust = {}, source: 'request' | 'config' = 'request') =>
  resolvePolicy({ lifecycle: 'long-lived', trust: 'inner', layers: [{ source, values }], ceilings });

/** Key by key: what is stricter than the defaults, what is the same, and what is looser or another. */
const rows: readonly [PolicyInput, PolicyInput, PolicyInput | null][] = [
  [{ memoryBytes: 64 * MIB }, { memoryBytes: 4096 * MIB }, { memoryBytes: 8192 * MIB }],
  [{ cpus: 8 }, { cpus: null }, null],
  [{ pids: 10 }, { pids: 1024 }, { pids: 2048 }],
  [{ openFiles: 64 }, { openFiles: 4096 }, { openFiles: 9999 }],
  [{ fileSizeBytes: MIB }, { fileSizeBytes: null }, null],
  [{ diskBytes: MIB }, { diskBytes: null }, null],
  [{ tmpfsBytes: MIB }, { tmpfsBytes: 512 * MIB }, { tmpfsBytes: 1024 * MIB }],
  [{ network: 'none' }, { network: 'full' }, null],
  [{ workspaceAccess: 'ro' }, { workspaceAccess: 'rw' }, null],
  [{ profile: 'strict' }, { profile: 'workspace' }, null],
  [{ user: '7' }, { user: '1000' }, null],
  [{}, { allowRoot: false }, { allowRoot: true }],
  [{}, { image: 'debian:bookworm-slim' }, { image: 'alpine' }],
];

test.each(rows)('%j is stricter, %j the same, %j another', (stricter, same, looser) => {
  if (Object.keys(stricter).length > 0) {
    expect(isStricter(ask(stricter), existing)).toBe(true);
    expect(() => checkExisting(ask(stricter), existing, 'box')).toThrow(
      expect.objectContaining({
        code: 'FAILED_PRECONDITION',
        sandbox: 'box',
        message: expect.stringContaining(Object.keys(stricter)[0] ?? ''),
        hint: expect.stringContaining('--recreate'),
      }),
    );
  }
  expect(checkExisting(ask(same), existing, 'box')).toEqual([]);
  if (looser !== null) {
    expect(isStricter(ask(looser), existing)).toBe(false);
    expect(checkExisting(ask(looser), existing, 'box')).toEqual([
      expect.stringContaining(Object.keys(looser)[0] ?? ''),
    ]);
  }
});

test('a configuration counts as well as a request', () => {
  expect(isStricter(ask({ network: 'none' }, {}, 'config'), existing)).toBe(true);
});

test('defaults ask for nothing: a larger sandbox is used as it is', () => {
  const large = { ...existing, memoryBytes: 64 * 2 ** 30, allowRoot: true };
  expect(checkExisting(ask({}), large, 'box')).toEqual([]);
});

test('what the ceilings no longer allow counts, asked for or not', () => {
  const large = { ...existing, memoryBytes: 64 * 2 ** 30 };
  expect(isStricter(ask({}, { inner: { maxMemoryBytes: 16 * 2 ** 30 } }), large)).toBe(true);
  expect(isStricter(ask({}, { inner: { maxMemoryBytes: 64 * 2 ** 30 } }), large)).toBe(false);
  expect(isStricter(ask({}, { inner: { allowNetwork: false } }), existing)).toBe(true);
  expect(isStricter(ask({}, { inner: { maxTimeoutMs: 1000 } }), existing)).toBe(false);
});

test('a sandbox about which nothing is known is not used', () => {
  expect(() => checkExisting(ask({}), null, 'box')).toThrow(
    expect.objectContaining({ code: 'FAILED_PRECONDITION' }),
  );
});

test('a policy is read back from its label, and its hash tells it from others', () => {
  const bytes = fc.integer({ min: 6 * MIB, max: 2 ** 40 });
  const values = fc.record({
    memoryBytes: bytes,
    cpus: fc.option(fc.double({ min: 0.01, max: 64, noNaN: true })),
    network: fc.constantFrom('none', 'full'),
    image: fc.constantFrom('debian', 'alpine:3', 'ghcr.io/a/b@sha256:00'),
  });
  fc.assert(
    fc.property(values, values, (one, other) => {
      const [a, b] = [ask(one).policy, ask(other).policy];
      expect(parsePolicyLabel(policyLabel(a, identity))).toMatchObject({ ...one, user: '1000:1000' });
      const same = policyLabel(a, identity) === policyLabel(b, identity);
      expect(policyHash(a, identity) === policyHash(b, identity)).toBe(same);
    }),
  );
});

test('what is not kept by a sandbox is not in its hash', () => {
  const one = ask({ env: { A: '1' }, timeoutMs: 5, bestEffort: ['cpus'] }).policy;
  expect(policyHash(one, identity)).toBe(policyHash(ask({}).policy, identity));
  expect(policyHash(one, identity)).not.toBe(policyHash(one, { uid: 0, gid: 0 }));
  expect(policyHash(one, identity)).toMatch(/^[0-9a-f]{16}$/);
});

test.each([
  undefined,
  '',
  'null',
  '[]',
  '{}',
  '{"memoryBytes":1}',
  'garbage',
  JSON.stringify({ ...Object.fromEntries(CREATION_KEYS.map((key) => [key, existing[key]])), colour: 'red' }),
])('the label %j says nothing', (label) => {
  expect(parsePolicyLabel(label)).toBeNull();
});
