import { createHash } from 'node:crypto';
import { SandboxError } from '../errors/sandbox-error.ts';
import { boundsOf } from './ceilings.ts';
import type { Policy, ResolvedPolicy } from './policy.ts';
import { parsePolicyInput } from './schema.ts';
import { type GuestUser, parseUser } from './user.ts';

/** The part of a policy that a sandbox is made with and keeps. Timeouts, environment and best effort belong to each call. */
export const CREATION_KEYS = [
  'image',
  'profile',
  'memoryBytes',
  'cpus',
  'pids',
  'openFiles',
  'fileSizeBytes',
  'diskBytes',
  'tmpfsBytes',
  'network',
  'workspaceAccess',
  'allowRoot',
  'user',
] as const satisfies readonly (keyof Policy)[];

export type CreationPolicy = Pick<Policy, (typeof CREATION_KEYS)[number]>;

export interface PolicyDifference {
  readonly key: keyof CreationPolicy;
  readonly requested: CreationPolicy[keyof CreationPolicy];
  readonly existing: CreationPolicy[keyof CreationPolicy];
}

/** For the label `policy`: what `parsePolicyLabel` reads back. `identity` is who the guest became. */
export function policyLabel(policy: Policy, identity: GuestUser): string {
  const user = `${identity.uid}:${identity.gid}`;
  return JSON.stringify({ ...Object.fromEntries(CREATION_KEYS.map((key) => [key, policy[key]])), user });
}

/** Null for what cannot be read: the sandbox was made by another version, and nothing is known about what it enforces. */
export function parsePolicyLabel(label: string | undefined): CreationPolicy | null {
  try {
    const values = parsePolicyInput(JSON.parse(label ?? ''));
    const complete = CREATION_KEYS.every((key) => values[key] !== undefined);
    return complete ? (values as CreationPolicy) : null;
  } catch {
    return null;
  }
}

/** For the label `policy-hash`: equal when what two sandboxes were made with is. */
export function policyHash(policy: Policy, identity: GuestUser): string {
  return createHash('sha256').update(policyLabel(policy, identity)).digest('hex').slice(0, 16);
}

/**
 * Where a request wants less than an existing sandbox has (`stricter`), and where it wants more or something else (`looser`). Only what somebody asked for counts, and what
 * the ceilings of this trust level no longer allow. Another user than the sandbox's counts as stricter: it could not be had.
 */
export function comparePolicies(
  requested: ResolvedPolicy,
  existing: CreationPolicy,
): { readonly stricter: readonly PolicyDifference[]; readonly looser: readonly PolicyDifference[] } {
  const stricter = new Map<keyof CreationPolicy, PolicyDifference>();
  const looser: PolicyDifference[] = [];
  for (const key of CREATION_KEYS) {
    if (requested.sources[key] === 'default') continue;
    const order = compareValues(key, requested.policy[key], existing[key]);
    const difference = { key, requested: requested.policy[key], existing: existing[key] };
    if (order < 0) stricter.set(key, difference);
    if (order > 0) looser.push(difference);
  }
  for (const { key, most, exceeds } of boundsOf(requested.ceiling)) {
    if (!isCreationKey(key) || !exceeds(existing[key])) continue;
    stricter.set(key, { key, requested: most as PolicyDifference['requested'], existing: existing[key] });
  }
  return { stricter: [...stricter.values()], looser };
}

/** Whether a request asks for less than an existing sandbox has. */
export function isStricter(requested: ResolvedPolicy, existing: CreationPolicy): boolean {
  return comparePolicies(requested, existing).stricter.length > 0;
}

/**
 * Whether an existing sandbox may be used for this request: throws `FAILED_PRECONDITION` with the hint `--recreate` when it asks for less than the sandbox has, or when nothing is
 * known about it; otherwise returns one warning for each thing asked for that the sandbox does not have.
 */
export function checkExisting(
  requested: ResolvedPolicy,
  existing: CreationPolicy | null,
  name: string,
): readonly string[] {
  if (existing === null) throw mismatch(name, 'does not say what it enforces: another version made it');
  const { stricter, looser } = comparePolicies(requested, existing);
  if (stricter.length > 0)
    throw mismatch(name, `is less strict than what was asked for: ${stricter.map(describe).join(', ')}`);
  return looser.map(
    (difference) => `${name} keeps what it was made with: ${describe(difference)}; \`--recreate\` changes it`,
  );
}

function isCreationKey(key: keyof Policy): key is keyof CreationPolicy {
  return (CREATION_KEYS as readonly string[]).includes(key);
}

type Value = CreationPolicy[keyof CreationPolicy];

/** From strict to loose. */
const ORDERS: Readonly<Partial<Record<keyof CreationPolicy, readonly Value[]>>> = {
  profile: ['strict', 'workspace'],
  network: ['none', 'full'],
  workspaceAccess: ['none', 'ro', 'rw'],
  allowRoot: [false, true],
};

/** Below 0 when the request is stricter, above 0 when it is looser or another. */
function compareValues(key: keyof CreationPolicy, requested: Value, existing: Value): number {
  if (key === 'image') return requested === existing ? 0 : 1;
  if (key === 'user')
    return requested === null || sameUser(String(requested), existing as string | null) ? 0 : -1;
  const order = ORDERS[key];
  if (order !== undefined) return order.indexOf(requested) - order.indexOf(existing);
  const [one, other] = [requested, existing].map((value) =>
    value === null ? Number.POSITIVE_INFINITY : Number(value),
  );
  return one === other ? 0 : (one ?? 0) < (other ?? 0) ? -1 : 1;
}

function sameUser(one: string, other: string | null): boolean {
  if (other === null) return false;
  const [a, b] = [parseUser(one), parseUser(other)];
  return a.uid === b.uid && a.gid === b.gid;
}

function describe({ key, requested, existing }: PolicyDifference): string {
  return `${key} ${existing ?? 'not limited'} instead of ${requested ?? 'not limited'}`;
}

function mismatch(name: string, what: string): SandboxError {
  return new SandboxError('FAILED_PRECONDITION', `${name} ${what}`, {
    operation: 'open',
    sandbox: name,
    hint: 'Make it again with `--recreate`: home and workspace are kept, what else was changed in it is lost.',
  });
}
