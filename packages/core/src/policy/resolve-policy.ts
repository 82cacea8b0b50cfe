import { SandboxError } from '../errors/sandbox-error.ts';
import { type Bound, boundsOf, type CeilingsByTrust, ceilingFor } from './ceilings.ts';
import { BUILT_IN_DEFAULTS } from './defaults.ts';
import type { Ceilings } from './policy.ts';
import {
  type Lifecycle,
  POLICY_SOURCES,
  type Policy,
  type PolicyInput,
  type PolicySource,
  type ResolvedPolicy,
  type Trust,
} from './policy.ts';
import { parsePolicyInput } from './schema.ts';
import { parseUser } from './user.ts';

/** What one source asks for. Layers may come in any order: sources have one of their own. */
export interface PolicyLayer {
  readonly source: Exclude<PolicySource, 'default'>;
  readonly values: PolicyInput;
}

export interface ResolveRequest {
  readonly lifecycle: Lifecycle;
  readonly layers: readonly PolicyLayer[];
  readonly trust: Trust;
  /** Laid over the built-in ones, level by level and key by key. */
  readonly ceilings?: CeilingsByTrust | undefined;
  /** Default: `BUILT_IN_DEFAULTS` of the lifecycle. */
  readonly defaults?: Policy | undefined;
}

/**
 * One policy from all layers: defaults < config < user < cron < request, then capped by what the trust level may have. `env` is merged name by name, every
 * other key is taken from the strongest layer that has it. A request above a ceiling is `PERMISSION_DENIED` and names the key; what comes from a weaker layer is lowered,
 * with a warning. Bad values are `INVALID_ARGUMENT`. Whether this trust level may have that lifecycle at all is for `chooseLifecycle` to say. Pure.
 */
export function resolvePolicy(request: ResolveRequest): ResolvedPolicy {
  const { lifecycle, trust } = request;
  const ceiling = ceilingFor(trust, request.ceilings);
  const { policy, sources } = mergeLayers(request.defaults ?? BUILT_IN_DEFAULTS[lifecycle], request.layers);
  const capped = capPolicy(policy, sources, trust, ceiling);
  return { ...capped, sources, lifecycle, trust, ceiling };
}

type Sources = Record<keyof Policy, PolicySource>;

function mergeLayers(defaults: Policy, layers: readonly PolicyLayer[]): { policy: Policy; sources: Sources } {
  const keys = Object.keys(defaults) as (keyof Policy)[];
  const sources = Object.fromEntries(keys.map((key) => [key, 'default'])) as Sources;
  const policy: Record<string, unknown> = { ...defaults };
  for (const { source, values } of weakestFirst(layers)) {
    for (const [key, value] of Object.entries(parsePolicyInput(values, source))) {
      if (value === undefined) continue;
      policy[key] = key === 'env' ? { ...(policy.env as Policy['env']), ...(value as Policy['env']) } : value;
      sources[key as keyof Policy] = source;
    }
  }
  return { policy: policy as unknown as Policy, sources };
}

function weakestFirst(layers: readonly PolicyLayer[]): PolicyLayer[] {
  return layers.toSorted(
    (one, other) => POLICY_SOURCES.indexOf(one.source) - POLICY_SOURCES.indexOf(other.source),
  );
}

function capPolicy(policy: Policy, sources: Sources, trust: Trust, ceiling: Ceilings) {
  const warnings: string[] = [];
  let capped = policy;
  for (const { key, ceiling: name, most, exceeds, text } of [
    ...boundsOf(ceiling),
    ...rootUser(policy, ceiling),
  ]) {
    const value = policy[key];
    if (!exceeds(value)) continue;
    const above = `${name}: trust ${trust} may have ${key} ${text(most)} at most, not ${text(value)}`;
    if (sources[key] === 'request')
      throw denied(above, `Ask for ${text(most)} or less, or have the trust level raised.`);
    capped = { ...capped, [key]: most };
    // A network that nobody asked for is there only where it is allowed: nothing has been taken away.
    if (key !== 'network' || sources[key] !== 'default') warnings.push(`${above}; it was lowered`);
  }
  const { bestEffort, warning } = capBestEffort(capped, sources, trust, ceiling);
  if (warning !== null) warnings.push(warning);
  return { policy: { ...capped, bestEffort }, warnings };
}

/** Without `allow_root` nobody enters as root by `--user` either. */
function rootUser({ user }: Policy, ceiling: Ceilings): Bound[] {
  if (ceiling.allowRoot !== false || user === null || parseUser(user).uid !== 0) return [];
  const text = (value: unknown) => (value === null ? 'an ordinary user' : String(value));
  return [{ key: 'user', ceiling: 'allow_root', most: null, exceeds: () => true, text }];
}

function capBestEffort({ bestEffort }: Policy, sources: Sources, trust: Trust, ceiling: Ceilings) {
  const allowed = ceiling.bestEffort;
  const refused = allowed === undefined ? [] : bestEffort.filter((control) => !allowed.includes(control));
  if (refused.length === 0) return { bestEffort, warning: null };
  const message = `best_effort: trust ${trust} may not leave ${refused.join(', ')} to best effort`;
  if (sources.bestEffort === 'request')
    throw denied(message, 'Leave it out, or have the trust level raised.');
  return {
    bestEffort: bestEffort.filter((control) => !refused.includes(control)),
    warning: `${message}; it was left out`,
  };
}

function denied(message: string, hint: string): SandboxError {
  return new SandboxError('PERMISSION_DENIED', message, { operation: 'policy', hint });
}
