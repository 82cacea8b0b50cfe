import {
  type Caller,
  type CallerSettings,
  type CleanupSettings,
  DEFAULT_IDLE_DAYS,
  DEFAULT_TRUST,
  type Lifecycle,
  lowerTrust,
  type PolicyLayer,
  SandboxError,
  type Trust,
} from '@sandbox/core';
import { SANDBOX_KEYS, type SandboxKey, type SandboxValues } from './keys.ts';
import type { ParsedConfig } from './parsed-config.ts';
import { nearest } from './problems.ts';
import type { ConfigJob, ConfigUser } from './schema.ts';
import type { TomlPath } from './toml-document.ts';

/** One `sandbox` table of the file that counts for a caller. */
export interface Section {
  readonly source: PolicyLayer['source'];
  readonly values: SandboxValues;
  /** Where it stands in the file. */
  readonly path: TomlPath;
}

/** Who calls, as the file knows them. */
export interface KnownCaller {
  readonly user: string | undefined;
  readonly cron: string | undefined;
  readonly trust: Trust;
  /** Where the trust comes from: a path in the file, or undefined where nobody said anything. */
  readonly trustPath: TomlPath | undefined;
  /** Weakest first. */
  readonly sections: readonly Section[];
}

/** Finds out who calls, and which parts of the file count for them. Pure. */
export function resolveCaller(config: ParsedConfig, caller: Caller): KnownCaller {
  const job = caller.cron === undefined ? undefined : jobOf(config, caller.cron);
  const name = userOf(job, caller);
  const user = find(config.values.users, name);
  const { default_trust } = config.values;
  const configured = user?.entry.trust ?? default_trust ?? DEFAULT_TRUST;
  const said = caller.trust !== undefined && lowerTrust(caller.trust, configured) !== configured;
  return {
    user: name,
    cron: job?.entry.name,
    trust: said ? (caller.trust as Trust) : configured,
    trustPath: trustPath(said, user, default_trust),
    sections: sectionsOf(config, user, job),
  };
}

function trustPath(
  said: boolean,
  user: Found<ConfigUser> | undefined,
  byDefault: Trust | undefined,
): TomlPath | undefined {
  if (said) return undefined;
  if (user?.entry.trust !== undefined) return ['users', user.index, 'trust'];
  return byDefault === undefined ? undefined : ['default_trust'];
}

function sectionsOf(
  { values }: ParsedConfig,
  user: Found<ConfigUser> | undefined,
  job: Found<ConfigJob> | undefined,
): Section[] {
  const section = (
    source: Section['source'],
    own: SandboxValues | undefined,
    ...path: TomlPath
  ): Section[] => (own === undefined ? [] : [{ source, values: own, path: [...path, 'sandbox'] }]);
  return [
    ...section('config', values.sandbox),
    ...(user === undefined ? [] : section('user', user.entry.sandbox, 'users', user.index)),
    ...(job === undefined ? [] : section('cron', job.entry.sandbox, 'cron', job.index)),
  ];
}

/** The strongest section that has a key. */
export function sectionWith(sections: readonly Section[], key: SandboxKey): Section | undefined {
  return sections.findLast(({ values }) => values[key] !== undefined);
}

export function settingOf<K extends SandboxKey>(sections: readonly Section[], key: K): SandboxValues[K] {
  return sectionWith(sections, key)?.values[key];
}

/** What holds for a caller, in core's words. Pure. */
export function callerSettings(config: ParsedConfig, caller: Caller): CallerSettings {
  const { user, trust, sections } = resolveCaller(config, caller);
  return {
    user,
    trust,
    layers: { ephemeral: layersOf(sections, 'ephemeral'), 'long-lived': layersOf(sections, 'long-lived') },
    ceilings: config.values.trust ?? {},
    runtime: settingOf(sections, 'runtime'),
    lifecycle: (settingOf(sections, 'long_lived') ?? true) ? 'long-lived' : 'ephemeral',
    tools: settingOf(sections, 'tools') ?? true,
  };
}

export function layersOf(sections: readonly Section[], lifecycle: Lifecycle): PolicyLayer[] {
  return sections.map((section) => {
    const values: Record<string, unknown> = permissions(section, sections, lifecycle);
    for (const [key, { policy }] of Object.entries(SANDBOX_KEYS) as [SandboxKey, { policy?: string }][]) {
      if (policy !== undefined && section.values[key] !== undefined) values[policy] = section.values[key];
    }
    return { source: section.source, values };
  });
}

/**
 * A network that is allowed is nobody's demand: it stays the default of those who are kept, and gives way where the runtime has none. Root is for those who are kept
 * too. What is not allowed is not there in either life, unless a request asks for it.
 */
function permissions(section: Section, sections: readonly Section[], lifecycle: Lifecycle) {
  const decides = (key: SandboxKey) => sectionWith(sections, key) === section;
  const values: Record<string, unknown> = {};
  if (decides('allow_network') && section.values.allow_network === false) values.network = 'none';
  if (decides('allow_root') && !(section.values.allow_root && lifecycle === 'ephemeral'))
    values.allowRoot = section.values.allow_root;
  return values;
}

/** How long what is there is kept. Pure, and throws for nobody. */
export function cleanupSettings(config: ParsedConfig): CleanupSettings {
  const { users, cron, sandbox } = config.values;
  const days = sandbox?.cleanup_after_days;
  return {
    idleDays: days === undefined ? DEFAULT_IDLE_DAYS : days,
    trustOf: (user) => {
      const known = find(users, user);
      return known && (known.entry.trust ?? config.values.default_trust ?? DEFAULT_TRUST);
    },
    protectsFullTrust: ({ user, cron: job }) =>
      settingOf(sectionsOf(config, find(users, user), find(cron, job)), 'protect_full_trust') ?? true,
  };
}

interface Found<T> {
  readonly entry: T;
  readonly index: number;
}

function find<T extends { readonly name: string }>(
  list: readonly T[] | undefined,
  name: string | undefined,
): Found<T> | undefined {
  const index = list?.findIndex((entry) => entry.name === name) ?? -1;
  const entry = list?.[index];
  return entry && { entry, index };
}

function jobOf({ values, file }: ParsedConfig, name: string): Found<ConfigJob> {
  const job = find(values.cron, name);
  if (job !== undefined) return job;
  const known = (values.cron ?? []).map((entry) => entry.name);
  const guess = nearest(name, known);
  const where = file ?? 'no file: there is none';
  throw new SandboxError('NOT_FOUND', `there is no job ${JSON.stringify(name)} in ${where}`, {
    operation: 'policy',
    hint: guess === undefined ? 'Jobs are its [[cron]] tables.' : `Did you mean ${guess}?`,
  });
}

/** The job's own, who must be the caller where both are known: a job's rights are not for everybody to borrow. */
function userOf(job: Found<ConfigJob> | undefined, { user }: Caller): string | undefined {
  const owner = job?.entry.user;
  if (owner === undefined || user === undefined || owner === user) return owner ?? user;
  throw new SandboxError(
    'PERMISSION_DENIED',
    `the job ${job?.entry.name} belongs to another user than ${user}`,
    {
      operation: 'policy',
      hint: 'Leave the user out: the job brings its own.',
    },
  );
}
