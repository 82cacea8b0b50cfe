import type { RuntimeAdapter } from '../adapter/adapter.ts';
import type { OnImageProgress } from '../adapter/images.ts';
import type { AgentSpec } from '../adapter/spec.ts';
import type { Belonging } from '../cleanup/belongings.ts';
import type { PruneOptions, PruneReport } from '../cleanup/prune-images.ts';
import type { UninstallOptions, UninstallReport } from '../cleanup/uninstall.ts';
import type { ExecOptions } from '../command/types.ts';
import type { SandboxError } from '../errors/sandbox-error.ts';
import type { CleanupClock } from '../lifecycle/select-for-cleanup.ts';
import type { ExecutionDetail, OnExecution } from '../monitoring/execution.ts';
import type { CeilingsByTrust } from '../policy/ceilings.ts';
import type { PolicyInput, Trust } from '../policy/policy.ts';
import type { Caller, SettingsSource } from '../policy/settings.ts';
import type {
  ProjectVolumes,
  PruneVolumesOptions,
  PruneVolumesReport,
  RemoveVolumeOptions,
  VolumeDetails,
  VolumeListOptions,
} from '../projects/project-volumes.ts';
import type { Registry } from '../registry/registry.ts';
import type {
  CreateOptions,
  EndTaskOptions,
  OpenOptions,
  RunOptions,
  RunResult,
  Sandbox,
  SandboxDetails,
  TaskOptions,
} from '../sandbox/types.ts';
import type { ToolsInput } from '../tools/tools.ts';

export interface SandboxesOptions {
  /** One adapter, … */
  readonly adapter?: RuntimeAdapter;
  /** … or several: `runtime: 'auto'` then takes the first healthy one that can enforce what was asked for. */
  readonly adapters?: readonly RuntimeAdapter[];
  /** Default: in memory. */
  readonly registry?: Registry;
  /** What is configured, and for whom; asked anew at each call. Instead of `policy`, `ceilings`, `defaultTrust` and `tools`. The library reads no file by itself. */
  readonly settings?: SettingsSource;
  /** Policy of the whole program: the `config` layer. */
  readonly policy?: PolicyInput;
  /** What each trust level may have at most: over the built-in ceilings, key by key. */
  readonly ceilings?: CeilingsByTrust;
  /** Trust of callers who say nothing. Default `familiar`. */
  readonly defaultTrust?: Trust;
  /** Development tools of new long-lived sandboxes, where `open` does not say. Default: the usual ones. */
  readonly tools?: ToolsInput;
  /** Put on all sandboxes as `dev.sandbox.scope`; this manager then neither lists nor cleans up others. */
  readonly scope?: string;
  /** The agent, for a program that is bundled into one file, and does not find what `@sandbox/guest` carries. Default: that. */
  readonly agent?: AgentSpec;
  /**
   * Told of each execution once it is over. It has its turn when the caller of the command has the result; what it throws or rejects with is one warning of the process and nothing else, and
   * only `close` waits for it, for a second at most. It runs in this thread: what blocks that blocks everything. Default: nobody is told. See `createSqliteExecutions`.
   */
  readonly onExecution?: OnExecution | undefined;
  /** What `onExecution` is told besides, which may be secret. Default: nothing. */
  readonly executionDetails?: readonly ExecutionDetail[] | undefined;
  /** What time it is. Default: the system's own clocks. */
  readonly clock?: () => CleanupClock;
}

/** All sandboxes of a program, over one runtime or several. */
export interface Sandboxes extends AsyncDisposable {
  readonly adapters: readonly RuntimeAdapter[];
  /** One command in a sandbox of its own, which is gone when this settles. */
  run(command: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** The long-lived sandbox of a workspace: found, started, or made. */
  open(options: OpenOptions): Promise<Sandbox>;
  /** The sandbox of a task: found, started, or made, with the volume of its project. `UNSUPPORTED` where the runtime has no volumes or keeps no sandbox. */
  open(options: TaskOptions): Promise<Sandbox>;
  /**
   * Removes the sandbox of a task, with whatever runs in it; the volume of its project stays. False when there was none: ending twice is no error. `UNAVAILABLE` where that cannot
   * be told.
   */
  endTask(project: string, task: string, options?: EndTaskOptions): Promise<boolean>;
  /** The volumes of projects. */
  readonly volumes: ProjectVolumes;
  /** An ephemeral sandbox, started unless `start` is false. */
  create(options?: CreateOptions & { readonly start?: boolean }): Promise<Sandbox>;
  /**
   * An existing sandbox by name, in any state; `NOT_FOUND` otherwise. Whoever looks after sandboxes names no caller; whoever is going to use one does: what belongs to another user is then
   * `PERMISSION_DENIED`, and what is configured for the caller holds for the commands.
   */
  get(name: string, caller?: Caller): Promise<Sandbox>;
  /** All of this scope. A runtime that is here and cannot be asked is `UNAVAILABLE`, unless `onUnavailable` is there to hear of it. */
  list(options?: ListOptions): Promise<SandboxDetails[]>;
  /** Host directories that have a long-lived sandbox, as the registry remembers; the runtimes are asked where it remembers nothing. */
  workspaces(options?: Pick<ListOptions, 'signal'>): Promise<string[]>;
  /**
   * Removes what dead owners left behind, and what has been idle too long; never one with an open session. Each program does it by itself at each runtime that it begins to
   * use, as an `automatic` sweep.
   */
  cleanup(options?: CleanupOptions): Promise<CleanupReport>;
  /** Makes sure that images are there. */
  prepare(options: {
    readonly images: readonly string[];
    readonly runtime?: string;
    readonly onProgress?: OnImageProgress;
    readonly signal?: AbortSignal;
  }): Promise<void>;
  /** What is ours at all runtimes, and what it occupies. Looking takes a while. */
  usage(options?: Omit<ListOptions, 'sizes'>): Promise<Belonging[]>;
  /** Removes images that we built and that no sandbox is made from. */
  prune(options?: PruneOptions): Promise<PruneReport>;
  /** Removes all that is ours in this scope, sandboxes of other programs too; the manager can then only be closed. */
  uninstall(options?: UninstallOptions): Promise<UninstallReport>;
  /** Ends all sessions of this program, removes its ephemeral sandboxes, keeps the long-lived ones. */
  close(): Promise<void>;
}

export interface ListOptions {
  /** Asks for `sizeBytes` too. Default false. */
  readonly sizes?: boolean;
  /** Called with the reason for each of several runtimes that could not be asked: the list is then without what it has. */
  readonly onUnavailable?: (reason: SandboxError) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface CleanupOptions {
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean;
  /** Default: the manager's, else 30. Null keeps the idle, and only takes what dead owners left behind. */
  readonly idleDays?: number | null | undefined;
  /** Also what belongs to trust full and above. */
  readonly includeProtected?: boolean | undefined;
  /** Only what belongs to this user. */
  readonly user?: string | undefined;
  /** `manual` (default) removes the idle at once. `automatic` marks them, and removes those that were marked a day ago or longer, by wall clock and by boot clock. */
  readonly mode?: 'manual' | 'automatic' | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the reason for each runtime that is here and could not be asked what it has: nothing of it was cleaned up. */
  readonly onUnavailable?: ((reason: SandboxError) => void) | undefined;
}

export interface CleanupReport {
  readonly removed: readonly string[];
  /** Idle; an automatic sweep in a day or later removes them. They are in `kept` too. */
  readonly marked: readonly string[];
  readonly kept: readonly { readonly name: string; readonly reason: string }[];
  /** Still there, as far as can be told; the next cleanup tries again. */
  readonly failed: readonly { readonly name: string; readonly error: string }[];
  /** Long-lived ones that the registry did not know, and that count as used now. */
  readonly adopted: readonly string[];
  /** Why each of `removed` and `failed` was to go: `idle for 31 days`. */
  readonly reasons: Readonly<Record<string, string>>;
}

export type {
  Belonging,
  CreateOptions,
  ExecOptions,
  OpenOptions,
  ProjectVolumes,
  PruneOptions,
  PruneReport,
  PruneVolumesOptions,
  PruneVolumesReport,
  RemoveVolumeOptions,
  RunOptions,
  UninstallOptions,
  UninstallReport,
  VolumeDetails,
  VolumeListOptions,
};
