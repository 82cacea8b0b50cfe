import { SandboxError } from '../errors/sandbox-error.ts';
import { formatBytes } from '../units/bytes.ts';
import { formatDuration } from '../units/duration.ts';
import type { Ceilings, Lifecycle, Policy, Trust } from './policy.ts';

export type CeilingsByTrust = Readonly<Partial<Record<Trust, Ceilings>>>;

/** Only the public is bounded until somebody configures more. */
export const BUILT_IN_CEILINGS: CeilingsByTrust = {
  public: {
    maxMemoryBytes: 512 * 2 ** 20,
    maxCpus: 1,
    maxPids: 128,
    maxTimeoutMs: 60_000,
    maxSandboxes: 2,
    allowNetwork: false,
    allowRoot: false,
    allowLongLived: false,
    bestEffort: [],
  },
};

/** The ceilings of one level: those that are given, key by key over the built-in ones. */
export function ceilingFor(trust: Trust, ceilings: CeilingsByTrust = {}): Ceilings {
  return { ...BUILT_IN_CEILINGS[trust], ...definedOnly(ceilings[trust] ?? {}) };
}

function definedOnly(ceilings: Ceilings): Ceilings {
  return Object.fromEntries(Object.entries(ceilings).filter(([, value]) => value !== undefined));
}

/** A value of the policy that a ceiling bounds: what it may be at most, and how both are called where people write them. */
export interface Bound {
  readonly key: keyof Policy;
  /** As in `sandbox.toml`: `max_memory`. */
  readonly ceiling: string;
  readonly most: Policy[keyof Policy];
  readonly exceeds: (value: unknown) => boolean;
  readonly text: (value: unknown) => string;
}

/** Every bound of these ceilings. */
export function boundsOf(ceiling: Ceilings): Bound[] {
  const { maxMemoryBytes, maxCpus, maxPids, maxTimeoutMs } = ceiling;
  const bounds: Bound[] = [];
  const limit = (
    key: keyof Policy,
    name: string,
    most: number | undefined,
    format = String as (n: number) => string,
  ) => {
    if (most === undefined) return;
    // null is no limit at all, and so above every number.
    const exceeds = (value: unknown) => value === null || Number(value) > most;
    const text = (value: unknown) => (value === null ? 'no limit' : format(Number(value)));
    bounds.push({ key, ceiling: name, most, exceeds, text });
  };
  limit('memoryBytes', 'max_memory', maxMemoryBytes, formatBytes);
  limit('cpus', 'max_cpus', maxCpus);
  limit('pids', 'max_pids', maxPids);
  limit('timeoutMs', 'max_timeout', maxTimeoutMs, formatDuration);
  if (ceiling.allowNetwork === false) bounds.push(forbids('network', 'allow_network', 'full', 'none'));
  if (ceiling.allowRoot === false) bounds.push(forbids('allowRoot', 'allow_root', true, false));
  return bounds;
}

function forbids(key: keyof Policy, ceiling: string, value: string | boolean, most: string | boolean): Bound {
  return { key, ceiling, most, exceeds: (given) => given === value, text: String };
}

export interface LifecycleRequest {
  /** What the request says; undefined is no opinion. */
  readonly asked: Lifecycle | undefined;
  /** For requests without one. */
  readonly configured: Lifecycle;
  readonly trust: Trust;
  readonly ceiling: Ceilings;
}

/** The life that a new sandbox gets. A long-lived one above the ceiling is `PERMISSION_DENIED` where it was asked for, and ephemeral with a warning where not. */
export function chooseLifecycle({ asked, configured, trust, ceiling }: LifecycleRequest): {
  readonly lifecycle: Lifecycle;
  readonly warnings: readonly string[];
} {
  const lifecycle = asked ?? configured;
  if (lifecycle === 'ephemeral' || ceiling.allowLongLived !== false) return { lifecycle, warnings: [] };
  const above = `allow_long_lived: trust ${trust} may not have long-lived sandboxes`;
  if (asked === undefined) {
    return { lifecycle: 'ephemeral', warnings: [`${above}; this one is gone when it is closed`] };
  }
  throw new SandboxError('PERMISSION_DENIED', above, {
    operation: 'policy',
    hint: 'Use an ephemeral sandbox (`sandbox run`), or have the trust level raised.',
  });
}

/** Throws `RESOURCE_EXHAUSTED` when a user who has `count` sandboxes may not have one more. */
export function checkSandboxCount(count: number, trust: Trust, ceiling: Ceilings): void {
  const { maxSandboxes } = ceiling;
  if (maxSandboxes === undefined || count < maxSandboxes) return;
  throw new SandboxError(
    'RESOURCE_EXHAUSTED',
    `max_sandboxes: trust ${trust} may have ${maxSandboxes} sandboxes at a time, and has ${count}`,
    { operation: 'policy', hint: 'Remove one first: `sandbox ls`, then `sandbox rm NAME`.' },
  );
}
