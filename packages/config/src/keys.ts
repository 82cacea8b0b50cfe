import {
  BUILT_IN_CEILINGS,
  BUILT_IN_DEFAULTS,
  type Ceilings,
  DEFAULT_IDLE_DAYS,
  DEFAULT_TRUST,
  type Policy,
} from '@sandbox/core';
import {
  bool,
  choice,
  controls,
  count,
  cpus,
  duration,
  environment,
  image,
  type Prepull,
  packages,
  prepull,
  runtimeId,
  size,
  tools,
  trustLevel,
  type ValueKind,
  wholeNumber,
} from './value-kinds.ts';

/** A key of the file: what it says, how, and what holds without it. The guide, the schema for editors and the file of `config init` are made of this. */
export interface KeyInfo<T = unknown> {
  readonly kind: ValueKind<T>;
  /** One sentence, with the unit. */
  readonly about: string;
  /** What holds without it, in core's units; undefined for a ceiling that is not there. */
  readonly builtIn: T | undefined;
}

/** A key of `[sandbox]`. */
export interface SandboxKeyInfo<T = unknown> extends KeyInfo<T> {
  /** The key of core's policy that it sets as it is. */
  readonly policy?: keyof Policy;
  /** Whether a user's or a job's `sandbox` may have it. */
  readonly overridable: boolean;
  /** How a request asks for something else; null: it cannot. */
  readonly request: string | null;
}

const defaults = BUILT_IN_DEFAULTS['long-lived'];

function key<T>(
  kind: ValueKind<T>,
  about: string,
  builtIn: T,
  more: Partial<Omit<SandboxKeyInfo<T>, 'kind'>> = {},
): SandboxKeyInfo<T> {
  return { kind, about, builtIn, overridable: true, request: null, ...more };
}

/** Of `[sandbox]`, and of the `sandbox` of users and jobs. */
export const SANDBOX_KEYS = {
  enabled: key(
    bool,
    'False refuses every run, whoever asks; nothing is ever run outside of a sandbox instead.',
    true,
    { overridable: false },
  ),
  runtime: key(runtimeId, 'Runtime of new sandboxes; `auto` takes the best one that is there.', 'auto', {
    request: '`--runtime`',
  }),
  long_lived: key(
    bool,
    'Whether a workspace keeps its sandbox: made once, used again, cleaned up when idle. `sandbox run` is always for one command.',
    true,
    { request: '`lifecycle`' },
  ),
  allow_network: key(
    bool,
    'Whether long-lived sandboxes have a network, where the runtime has one to give. Ephemeral ones have one only when a request asks for it.',
    true,
    { request: '`--network`' },
  ),
  allow_root: key(
    bool,
    'Whether long-lived sandboxes may be entered as root, to install packages. Decided when a sandbox is made.',
    false,
    { request: '`allowRoot`' },
  ),
  memory: key(
    size('memoryBytes'),
    'Memory of all processes of a sandbox together, swap included: bytes, or with k, m, g, t (powers of 1024).',
    defaults.memoryBytes,
    { policy: 'memoryBytes', request: '`--memory`' },
  ),
  cpus: key(cpus('none'), 'Processors, fractions allowed; `"none"` is no limit.', defaults.cpus, {
    policy: 'cpus',
    request: '`--cpus`',
  }),
  pids_limit: key(count('pids', 'processes'), 'Processes and threads at one time.', defaults.pids, {
    policy: 'pids',
    request: '`--pids`',
  }),
  timeout: key(
    duration('none'),
    'How long a command of `run` or `exec` may take: ms, s, m, h, d; `"none"` is as long as it likes. Terminals and background commands have none.',
    defaults.timeoutMs,
    { policy: 'timeoutMs', request: '`--timeout`' },
  ),
  image: key(
    image,
    'What the root file system is made of. A runtime without images takes the host’s `/usr` instead.',
    defaults.image,
    { policy: 'image', request: '`--image`' },
  ),
  workspace_access: key(
    choice('rw', 'ro', 'none'),
    'What commands may do in the workspace: read and write, read, or not see it.',
    defaults.workspaceAccess,
    { policy: 'workspaceAccess', request: '`--workspace-access`' },
  ),
  open_files: key(count('openFiles', 'files'), 'Open files of one process.', defaults.openFiles, {
    policy: 'openFiles',
    request: '`openFiles`',
  }),
  file_size: key(
    size('fileSizeBytes', 'none'),
    'Largest file that a process may write, in bytes; `"none"` is no limit.',
    defaults.fileSizeBytes,
    { policy: 'fileSizeBytes', request: '`fileSizeBytes`' },
  ),
  disk: key(
    size('diskBytes', 'none'),
    'What may be written to the root file system, in bytes; `"none"` is no limit. Few runtimes can enforce it.',
    defaults.diskBytes,
    { policy: 'diskBytes', request: '`diskBytes`' },
  ),
  tmpfs: key(
    size('tmpfsBytes'),
    'Size of `/tmp`, and of HOME in ephemeral sandboxes, in bytes. It counts as memory.',
    defaults.tmpfsBytes,
    { policy: 'tmpfsBytes', request: '`tmpfsBytes`' },
  ),
  env: key(
    environment,
    'Environment of all commands, merged name by name. Whoever may read this file can read it.',
    defaults.env,
    { policy: 'env', request: '`--env`' },
  ),
  best_effort: key(
    controls,
    'Controls that may be left out, with a warning, where a runtime cannot enforce them. Without it such a sandbox is refused.',
    defaults.bestEffort,
    { policy: 'bestEffort', request: '`--best-effort`' },
  ),
  tools: key(
    tools,
    'Development tools in new long-lived sandboxes: the usual ones, none, or those in a list. They are installed once for each image.',
    true,
    { request: '`--tools`, `--no-tools`' },
  ),
  cleanup_after_days: key(
    wholeNumber(1, 36_500, 'never'),
    'Days without use after which a long-lived sandbox is removed; `"never"` keeps them.',
    DEFAULT_IDLE_DAYS,
    { overridable: false, request: '`sandbox cleanup --older-than`' },
  ),
  protect_full_trust: key(
    bool,
    'Whether cleanup spares the sandboxes of users with trust `full` and `owner`.',
    true,
    { request: '`sandbox cleanup --include-protected`' },
  ),
} as const satisfies Record<string, SandboxKeyInfo>;

export type SandboxKey = keyof typeof SANDBOX_KEYS;
type ValueOf<K> = K extends { kind: ValueKind<infer T> } ? T : never;
/** What a section says, in core's units. */
export type SandboxValues = { readonly [K in SandboxKey]?: ValueOf<(typeof SANDBOX_KEYS)[K]> | undefined };

/** Of `[trust.<level>]`: what the level may have at most. */
export interface CeilingKeyInfo<T = unknown> extends KeyInfo<T> {
  /** The key of core's ceilings. */
  readonly ceiling: keyof Ceilings;
  /** The key of `[sandbox]` that it bounds. */
  readonly bounds: SandboxKey | null;
}

const lowest = BUILT_IN_CEILINGS.public ?? {};

function ceiling<T>(
  kind: ValueKind<T>,
  about: string,
  more: Pick<CeilingKeyInfo, 'ceiling' | 'bounds'>,
): CeilingKeyInfo<T> {
  return { kind, about, builtIn: lowest[more.ceiling] as T | undefined, ...more };
}

export const CEILING_KEYS = {
  max_memory: ceiling(size('memoryBytes'), 'Most memory, as `memory`.', {
    ...{ ceiling: 'maxMemoryBytes', bounds: 'memory' },
  }),
  max_cpus: ceiling(cpus(), 'Most processors.', { ceiling: 'maxCpus', bounds: 'cpus' }),
  max_pids: ceiling(count('pids', 'processes'), 'Most processes and threads.', {
    ...{ ceiling: 'maxPids', bounds: 'pids_limit' },
  }),
  max_timeout: ceiling(duration(), 'Longest time for any command, as `timeout`.', {
    ...{ ceiling: 'maxTimeoutMs', bounds: 'timeout' },
  }),
  max_sandboxes: ceiling(wholeNumber(0, 1_000_000), 'Most sandboxes of one user at a time.', {
    ...{ ceiling: 'maxSandboxes', bounds: null },
  }),
  allow_network: ceiling(bool, 'Whether sandboxes may have a network.', {
    ...{ ceiling: 'allowNetwork', bounds: 'allow_network' },
  }),
  allow_root: ceiling(bool, 'Whether sandboxes may be entered as root.', {
    ...{ ceiling: 'allowRoot', bounds: 'allow_root' },
  }),
  allow_long_lived: ceiling(bool, 'Whether sandboxes may be kept.', {
    ...{ ceiling: 'allowLongLived', bounds: 'long_lived' },
  }),
  best_effort: ceiling(controls, 'The controls that may be left to best effort.', {
    ...{ ceiling: 'bestEffort', bounds: 'best_effort' },
  }),
} as const satisfies Record<string, CeilingKeyInfo>;

export type CeilingKey = keyof typeof CEILING_KEYS;

/** Of `[server]`: what holds for `sandbox serve`. Read when it starts. */
export const SERVER_KEYS = {
  idle_ttl: {
    kind: duration() as ValueKind<number>,
    about: 'An ephemeral sandbox of the service in which nothing was executed for so long is removed.',
    builtIn: 600_000,
  },
  sandboxes_per_user: {
    kind: wholeNumber(1, 1_000_000) as ValueKind<number>,
    about:
      'Ephemeral and long-lived sandboxes that the service has at one time for one user; more wait their turn.',
    builtIn: 32,
  },
  sandboxes: {
    kind: wholeNumber(1, 1_000_000) as ValueKind<number>,
    about: 'The same for all users together.',
    builtIn: 128,
  },
  prepull: {
    kind: prepull as ValueKind<Prepull>,
    about:
      'Languages whose images are made ready in the background when the service starts, and by `sandbox prepare`. Without it the default image is.',
    builtIn: undefined,
  },
} as const satisfies Record<string, KeyInfo>;

export type ServerKey = keyof typeof SERVER_KEYS;
export type ServerValues = {
  readonly [K in ServerKey]?: ValueOf<(typeof SERVER_KEYS)[K]> | undefined;
};

/** Of `[monitoring]`: what `sandbox` commands and the service record of executions. Read when they start. */
export const MONITORING_KEYS = {
  enabled: {
    kind: bool,
    about: 'Whether executions are recorded: who ran what for, where, how it ended and what it used.',
    builtIn: true,
  },
  retention_days: {
    kind: wholeNumber(1, 36_500) as ValueKind<number>,
    about: 'Days after which a record is removed. There are never more than a million.',
    builtIn: 30,
  },
  record_argv: {
    kind: bool,
    about: 'Whether the words of commands are recorded too. There may be secrets among them.',
    builtIn: false,
  },
  record_env: {
    kind: bool,
    about: 'Whether the variables that commands are given are recorded too. There may be secrets among them.',
    builtIn: false,
  },
} as const satisfies Record<string, KeyInfo>;

export type MonitoringKey = keyof typeof MONITORING_KEYS;
export type MonitoringValues = {
  readonly [K in MonitoringKey]?: ValueOf<(typeof MONITORING_KEYS)[K]> | undefined;
};

/** At the top of the file, before the first table. */
export const TOP_KEYS = {
  default_trust: {
    kind: trustLevel,
    about: 'Trust of everybody who is not among the users.',
    builtIn: DEFAULT_TRUST,
  },
  adapters: {
    kind: packages,
    about:
      'Packages with adapters of other people, by name (looked for from the directory of this file, then beside the program) or path (`./x`, from this file). Read when a program starts.',
    builtIn: [],
  },
} as const satisfies Record<string, KeyInfo>;
