import type { Lifecycle, Policy, Trust } from './policy.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

const COMMON = {
  image: 'debian:bookworm-slim',
  memoryBytes: 4 * GIB,
  cpus: null,
  pids: 1024,
  openFiles: 4096,
  fileSizeBytes: null,
  diskBytes: null,
  tmpfsBytes: 512 * MIB,
  workspaceAccess: 'rw',
  allowRoot: false,
  timeoutMs: 120_000,
  user: null,
  env: {},
  bestEffort: [],
} as const;

/** What holds where nobody says anything. Ceilings may lower it. */
export const BUILT_IN_DEFAULTS: Readonly<Record<Lifecycle, Policy>> = {
  ephemeral: { ...COMMON, profile: 'strict', network: 'none' },
  /** `full` where the trust level may have a network. */
  'long-lived': { ...COMMON, profile: 'workspace', network: 'full' },
};

/** Ids of a guest that no workspace's owner decides. */
export const DEFAULT_GUEST_ID = 1000;

/** Days without use after which a long-lived sandbox is removed. */
export const DEFAULT_IDLE_DAYS = 30;

/** Of users of whom nothing is known: never protected from cleanup. */
export const DEFAULT_TRUST: Trust = 'familiar';
