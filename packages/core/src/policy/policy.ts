import type { Control } from '../adapter/capabilities.ts';

/** Highest first. `protect_full_trust` and ceilings go by this order. */
export const TRUST_LEVELS = ['owner', 'full', 'inner', 'familiar', 'public'] as const;
export type Trust = (typeof TRUST_LEVELS)[number];

/** `ephemeral`: made, used, removed. `long-lived`: one for each workspace, kept and used again. */
export type Lifecycle = 'ephemeral' | 'long-lived';
export type WorkspaceAccess = 'rw' | 'ro' | 'none';
export type NetworkMode = 'none' | 'full';
/** `strict`: read-only root, tmpfs for `/tmp` and HOME (ephemeral). `workspace`: writable root, HOME on a volume (long-lived). */
export type SecurityProfile = 'strict' | 'workspace';

/** What a sandbox may do and use, complete. Sizes in bytes, times in milliseconds. */
export interface Policy {
  /** A reference, or the absolute path of an unpacked root file system where the runtime can use one. */
  readonly image: string;
  readonly profile: SecurityProfile;
  readonly memoryBytes: number;
  readonly cpus: number | null;
  readonly pids: number;
  readonly openFiles: number;
  readonly fileSizeBytes: number | null;
  readonly diskBytes: number | null;
  /** Size of each tmpfs. */
  readonly tmpfsBytes: number;
  readonly network: NetworkMode;
  readonly workspaceAccess: WorkspaceAccess;
  readonly allowRoot: boolean;
  /** For collected `run` and `exec`; null for none. */
  readonly timeoutMs: number | null;
  /** Ids or name asked for with `--user`; null: the workspace's owner or 1000:1000. */
  readonly user: string | null;
  readonly env: Readonly<Record<string, string>>;
  /** Controls that may be left out where the runtime cannot enforce them, with a warning. */
  readonly bestEffort: readonly Control[];
}

/** Where a value came from, weakest first. Only `default` is not "asked for". */
export const POLICY_SOURCES = ['default', 'config', 'user', 'cron', 'request'] as const;
export type PolicySource = (typeof POLICY_SOURCES)[number];

/**
 * What one layer asks for; what it leaves out, or gives as undefined, comes from the layers below. Numbers in the units of `Policy`:
 * strings such as "512m" are for the edges (command line, TOML, HTTP), which use `parseBytes` and `parseDuration`.
 */
export type PolicyInput = { readonly [K in keyof Policy]?: Policy[K] | undefined };

/** The most that a trust level may have. What is left out is not bounded. Sizes in bytes, times in milliseconds. */
export interface Ceilings {
  readonly maxMemoryBytes?: number | undefined;
  readonly maxCpus?: number | undefined;
  readonly maxPids?: number | undefined;
  readonly maxTimeoutMs?: number | undefined;
  /** Sandboxes of one user at a time. */
  readonly maxSandboxes?: number | undefined;
  readonly allowNetwork?: boolean | undefined;
  readonly allowRoot?: boolean | undefined;
  readonly allowLongLived?: boolean | undefined;
  /** The controls that may be left to best effort. */
  readonly bestEffort?: readonly Control[] | undefined;
}

export interface ResolvedPolicy {
  readonly policy: Policy;
  readonly sources: Readonly<Record<keyof Policy, PolicySource>>;
  readonly lifecycle: Lifecycle;
  readonly trust: Trust;
  /** What this trust level may have at most; the policy is within it. */
  readonly ceiling: Ceilings;
  /** A default that was lowered by a ceiling, and the like. */
  readonly warnings: readonly string[];
}

/** One row of the enforcement report. */
export interface Enforcement {
  readonly requested: number | string | boolean | null;
  readonly effective: number | string | boolean | null;
  readonly status: 'enforced' | 'limited' | 'unsupported';
  readonly how: string;
  /** Whether somebody asked for it, or it is only a built-in default. */
  readonly source: PolicySource;
}

export type EnforcementReport = Readonly<Partial<Record<Control, Enforcement>>>;
