import type { RuntimeAdapter } from '../adapter/adapter.ts';
import type { AgentSpec } from '../adapter/spec.ts';
import type { OrphanSweeps } from '../cleanup/orphan-sweeps.ts';
import type { ImageCache } from '../images/image-cache.ts';
import type { ProbeCache } from '../launch/probe-cache.ts';
import type { CleanupClock } from '../lifecycle/select-for-cleanup.ts';
import type { Observer } from '../monitoring/observer.ts';
import type { EnforcementReport } from '../policy/policy.ts';
import type { SettingsSource } from '../policy/settings.ts';
import type { Registry } from '../registry/registry.ts';

/** A handle that somebody holds. */
export interface HeldSandbox {
  readonly name: string;
  readonly enforcement: EnforcementReport;
  close(): Promise<void>;
}

/** What the parts of one manager share. */
export interface Services {
  /** On all sandboxes of this manager, which then sees no others. */
  readonly scope: string | undefined;
  readonly adapters: readonly RuntimeAdapter[];
  readonly registry: Registry;
  readonly settings: SettingsSource;
  readonly probes: ProbeCache;
  readonly images: ImageCache;
  readonly orphans: OrphanSweeps;
  /** Undefined: nobody asked to be told of executions. */
  readonly observer: Observer | undefined;
  /** Handles of this program that are not closed. */
  readonly held: Set<HeldSandbox>;
  /** Fires when the manager closes: nothing new is made then. */
  readonly closing: AbortController;
  /** What time it is. */
  clock(): CleanupClock;
  /** This program, as its label has it. */
  instance(): string;
  /** The agent that this version brings along, unless another was given. */
  agent(): AgentSpec;
}
