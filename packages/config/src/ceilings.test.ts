import {
  ceilingFor,
  checkSandboxCount,
  chooseLifecycle,
  type PolicyInput,
  resolvePolicy,
  TRUST_LEVELS,
  type Trust,
} from '@sandbox/core';
import { describe, expect, test } from 'vitest';
import { CEILING_KEYS, type CeilingKey } from './keys.ts';
import { parseConfig } from './parse-config.ts';
import { callerSettings } from './resolve.ts';

const MIB = 2 ** 20;

/** For each ceiling of the policy: how it is written, what may be asked, what may not, and a [sandbox] that is above it with what is left of that. */
const rows = [
  [
    'max_memory',
    '"64m"',
    { memoryBytes: 64 * MIB },
    { memoryBytes: 64 * MIB + 1 },
    'memory = "65m"',
    64 * MIB,
  ],
  ['max_cpus', '1.5', { cpus: 1.5 }, { cpus: 1.51 }, 'cpus = 2', 1.5],
  ['max_cpus', '1.5', { cpus: 0.1 }, { cpus: null }, 'cpus = "none"', 1.5],
  ['max_pids', '10', { pids: 10 }, { pids: 11 }, 'pids_limit = 11', 10],
  ['max_timeout', '"5s"', { timeoutMs: 5000 }, { timeoutMs: 5001 }, 'timeout = "6s"', 5000],
  ['max_timeout', '"5s"', { timeoutMs: 1 }, { timeoutMs: null }, 'timeout = "none"', 5000],
  ['allow_network', 'false', { network: 'none' }, { network: 'full' }, 'allow_network = true', 'none'],
  ['allow_root', 'false', { allowRoot: false }, { allowRoot: true }, 'allow_root = true', false],
  [
    'best_effort',
    '["cpus"]',
    { bestEffort: ['cpus'] },
    { bestEffort: ['cpus', 'pids'] },
    'best_effort = ["cpus", "pids"]',
    ['cpus'],
  ],
] as const satisfies readonly (readonly [CeilingKey, string, PolicyInput, PolicyInput, string, unknown])[];

const file = (trust: Trust, key: string, value: string, sandbox = '') =>
  parseConfig(
    `[sandbox]\n${sandbox}\n[[users]]\nname = "ann"\ntrust = "${trust}"\n[trust.${trust}]\n${key} = ${value}\n`,
    'sandbox.toml',
  );

function resolve(config: ReturnType<typeof file>, values: PolicyInput = {}) {
  const { trust, ceilings, layers } = callerSettings(config, { user: 'ann' });
  return resolvePolicy({
    ...{ lifecycle: 'long-lived', trust, ceilings },
    layers: [...layers['long-lived'], { source: 'request', values }],
  });
}

describe.each(TRUST_LEVELS)('trust %s', (trust) => {
  const denied = (key: string) =>
    expect.objectContaining({
      code: 'PERMISSION_DENIED',
      message: expect.stringMatching(new RegExp(`^${key}: trust ${trust}`)),
    });

  test.each(rows)('%s = %s: %j is given, %j is refused', (key, value, allowed, above) => {
    const config = file(trust, key, value);
    expect(resolve(config, allowed).policy).toMatchObject(allowed);
    expect(() => resolve(config, above)).toThrow(denied(key));
  });

  test.each(rows)(
    '%s = %s, %#: what is configured above it is lowered',
    (key, value, allowed, _, sandbox, left) => {
      const { policy } = resolve(file(trust, key, value, sandbox));
      expect(policy[Object.keys(allowed)[0] as keyof typeof policy]).toEqual(left);
    },
  );

  test.each(rows)(
    '%s = %s, %#: what is built in above it is lowered too',
    (key, value, allowed, _, __, left) => {
      const { policy } = resolve(file(trust, key, value));
      const name = Object.keys(allowed)[0] as keyof typeof policy;
      // Nothing is left to best effort unless somebody says so.
      expect(policy[name]).toEqual(key === 'best_effort' ? [] : left);
    },
  );

  test('allow_long_lived: refused where it is asked for, else lowered', () => {
    const choose = (asked: 'long-lived' | undefined, value: boolean) => {
      const settings = callerSettings(file(trust, 'allow_long_lived', String(value)), { user: 'ann' });
      const ceiling = ceilingFor(trust, settings.ceilings);
      return chooseLifecycle({ asked, configured: settings.lifecycle, trust, ceiling });
    };
    expect(choose('long-lived', true).lifecycle).toBe('long-lived');
    expect(choose(undefined, true)).toEqual({ lifecycle: 'long-lived', warnings: [] });
    expect(() => choose('long-lived', false)).toThrow(denied('allow_long_lived'));
    expect(choose(undefined, false)).toMatchObject({
      lifecycle: 'ephemeral',
      warnings: [expect.stringContaining('allow_long_lived')],
    });
  });

  test('max_sandboxes: one below may make one more, one at it may not', () => {
    const { ceilings } = callerSettings(file(trust, 'max_sandboxes', '3'), { user: 'ann' });
    const ceiling = ceilingFor(trust, ceilings);
    expect(() => checkSandboxCount(2, trust, ceiling)).not.toThrow();
    expect(() => checkSandboxCount(3, trust, ceiling)).toThrow(
      expect.objectContaining({
        code: 'RESOURCE_EXHAUSTED',
        message: expect.stringMatching(new RegExp(`^max_sandboxes: trust ${trust}`)),
      }),
    );
  });

  test('the ceilings of other levels do not hold', () => {
    const other = trust === 'owner' ? 'full' : 'owner';
    const text = `[[users]]\nname = "ann"\ntrust = "${trust}"\n[trust.${other}]\nmax_pids = 1\n`;
    expect(resolve(parseConfig(text, 'f'), { pids: 100 }).policy.pids).toBe(100);
  });
});

test('every ceiling is looked at here', () => {
  const seen = new Set<string>([...rows.map(([key]) => key), 'allow_long_lived', 'max_sandboxes']);
  expect([...seen].sort()).toEqual(Object.keys(CEILING_KEYS).sort());
});

test('the public has ceilings that nobody configured, and a file replaces them key by key', () => {
  const config = (text: string) => {
    const { trust, ceilings } = callerSettings(parseConfig(text, 'f'), { trust: 'public' });
    return ceilingFor(trust, ceilings);
  };
  expect(config('')).toEqual({
    ...{ maxMemoryBytes: 512 * MIB, maxCpus: 1, maxPids: 128, maxTimeoutMs: 60_000, maxSandboxes: 2 },
    ...{ allowNetwork: false, allowRoot: false, allowLongLived: false, bestEffort: [] },
  });
  expect(config('[trust.public]\nmax_pids = 256\n')).toMatchObject({ maxPids: 256, maxCpus: 1 });
});
