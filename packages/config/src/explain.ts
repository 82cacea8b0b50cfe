import {
  type Caller,
  type Ceilings,
  ceilingFor,
  chooseLifecycle,
  type Policy,
  type PolicySource,
  type ResolvedPolicy,
  resolvePolicy,
  type Trust,
} from '@sandbox/core';
import {
  CEILING_KEYS,
  type CeilingKey,
  type CeilingKeyInfo,
  SANDBOX_KEYS,
  type SandboxKey,
  type SandboxKeyInfo,
} from './keys.ts';
import type { ParsedConfig } from './parsed-config.ts';
import { callerSettings, resolveCaller, type Section, sectionWith } from './resolve.ts';
import type { TomlPath } from './toml-document.ts';
import { written } from './value-kinds.ts';

/** One value that holds, and why. */
export interface Explained {
  /** As it would stand in the file; null for a ceiling that is not there. */
  readonly value: unknown;
  readonly source: PolicySource;
  /** Where the file says so; null for what is built in. */
  readonly line: number | null;
  /** What was asked for, and the ceiling that lowered it. */
  readonly lowered?: { readonly from: unknown; readonly by: CeilingKey } | undefined;
}

/** All that holds for one caller. */
export interface Explanation {
  readonly file: string | null;
  readonly user: string | null;
  readonly cron: string | null;
  readonly trust: Explained;
  readonly settings: Readonly<Record<SandboxKey, Explained>>;
  readonly ceilings: Readonly<Record<CeilingKey, Explained>>;
  readonly warnings: readonly string[];
}

/** What holds for a caller, and where each value comes from. Pure. */
export function explainConfig(config: ParsedConfig, caller: Caller): Explanation {
  const known = resolveCaller(config, caller);
  const { trust, sections } = known;
  const settings = callerSettings(config, caller);
  const ceiling = ceilingFor(trust, settings.ceilings);
  const lifecycle = chooseLifecycle({ asked: undefined, configured: settings.lifecycle, trust, ceiling });
  const resolved = resolvePolicy({
    lifecycle: 'long-lived',
    ...{ layers: settings.layers['long-lived'], trust, ceilings: settings.ceilings },
  });
  const inForce: InForce = { resolved, longLived: lifecycle.lifecycle === 'long-lived' };
  const keys = Object.keys(SANDBOX_KEYS) as SandboxKey[];
  return {
    file: config.file,
    user: known.user ?? null,
    cron: known.cron ?? null,
    trust: explainTrust(config, known.trustPath, trust, caller),
    settings: record(keys, (key) => explainSetting(config, sections, key, inForce)),
    ceilings: record(Object.keys(CEILING_KEYS) as CeilingKey[], (key) =>
      explainCeiling(config, key, { trust, ceiling }),
    ),
    warnings: [...resolved.warnings, ...lifecycle.warnings],
  };
}

/** What is left once the ceilings have had their say. */
interface InForce {
  readonly resolved: ResolvedPolicy;
  readonly longLived: boolean;
}

function explainSetting(
  config: ParsedConfig,
  sections: readonly Section[],
  key: SandboxKey,
  inForce: InForce,
): Explained {
  const info = SANDBOX_KEYS[key] as SandboxKeyInfo;
  const section = sectionWith(sections, key);
  const asked = section === undefined ? info.builtIn : section.values[key];
  const asWritten = written(info.kind, asked);
  const holds = written(info.kind, whatHolds(key, asked, inForce));
  const origin = {
    source: section?.source ?? ('default' as const),
    line: section === undefined ? null : config.lineOf([...section.path, key]),
  };
  if (JSON.stringify(holds) === JSON.stringify(asWritten)) return { value: asWritten, ...origin };
  const by = (Object.keys(CEILING_KEYS) as CeilingKey[]).find((name) => CEILING_KEYS[name].bounds === key);
  return { value: holds, ...origin, ...(by && { lowered: { from: asWritten, by } }) };
}

function whatHolds(key: SandboxKey, asked: unknown, { resolved, longLived }: InForce): unknown {
  if (key === 'long_lived') return longLived;
  if (key === 'allow_network') return resolved.policy.network === 'full';
  if (key === 'allow_root') return resolved.policy.allowRoot;
  const { policy } = SANDBOX_KEYS[key] as SandboxKeyInfo;
  return policy === undefined ? asked : resolved.policy[policy satisfies keyof Policy];
}

function explainTrust(
  config: ParsedConfig,
  path: TomlPath | undefined,
  value: Trust,
  caller: Caller,
): Explained {
  if (path !== undefined) {
    return { value, source: path[0] === 'users' ? 'user' : 'config', line: config.lineOf(path) };
  }
  return { value, source: caller.trust === value ? 'request' : 'default', line: null };
}

function explainCeiling(
  config: ParsedConfig,
  key: CeilingKey,
  { trust, ceiling }: { readonly trust: Trust; readonly ceiling: Ceilings },
): Explained {
  const info = CEILING_KEYS[key] as CeilingKeyInfo;
  const most = ceiling[info.ceiling];
  const configured = config.values.trust?.[trust]?.[info.ceiling] !== undefined;
  return {
    value: most === undefined ? null : written(info.kind, most),
    source: configured ? 'config' : 'default',
    line: configured ? config.lineOf(['trust', trust, key]) : null,
  };
}

function record<K extends string, T>(keys: readonly K[], make: (key: K) => T): Record<K, T> {
  return Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<K, T>;
}
