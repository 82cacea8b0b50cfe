import type { SandboxInfo, SandboxStats } from '../adapter/adapter.ts';
import type { OnImageProgress } from '../adapter/images.ts';
import type { DetachedCommand, DetachOptions, SandboxCommands } from '../command/detached.ts';
import type { Command, ExecOptions, ExecResult, Shell, SpawnOptions } from '../command/types.ts';
import type { Purpose } from '../monitoring/purpose.ts';
import type { EnforcementReport, PolicyInput, Trust } from '../policy/policy.ts';
import type { ToolsInput } from '../tools/tools.ts';
import type { SandboxFiles } from '../transfer/files.ts';

/** `run` also tells which sandbox it was and what was enforced. */
export interface RunResult extends ExecResult {
  readonly runtime: string;
  readonly sandbox: string;
  readonly enforcement: EnforcementReport;
}

export interface SandboxDetails extends SandboxInfo {
  readonly runtime: string;
  readonly lifecycle: 'ephemeral' | 'long-lived' | 'unknown';
  readonly workspace: string | null;
  /** Both null for what is no task's. */
  readonly project: string | null;
  readonly task: string | null;
  readonly user: string | null;
  /** What it was made with. */
  readonly trust: Trust | null;
  /** Whether cleanup keeps it however long nobody uses it, for the trust that its user has now. */
  readonly protected: boolean;
  readonly lastUsedAt: Date | null;
  /** For how long nobody has used it; null where that is not known. */
  readonly idleMs: number | null;
  readonly enforcement: EnforcementReport;
}

/** What a tool that should only use a sandbox gets: no stop, no remove, no policy. */
export interface RestrictedSandbox {
  readonly name: string;
  readonly runtime: string;
  /** Directory in the guest where commands start. */
  readonly workdir: string;
  /** Runs a command to its end and collects its output. Not for a string: see `shell`. */
  exec(command: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Starts a command and hands it over. With `detached: true` one that outlives this program, in a long-lived sandbox. */
  spawn(command: readonly string[], options: DetachOptions): Promise<DetachedCommand>;
  spawn(command: readonly string[], options?: SpawnOptions): Promise<Command>;
  /** Those that were started with `detached: true`, by whichever program. `UNSUPPORTED` where there can be none. */
  readonly commands: SandboxCommands;
  /**
   * Runs a script with the sandbox's `sh`. As a tag, values are quoted by the library: sandbox.shell`grep -r ${pattern} src`. As a function it takes
   * options first: sandbox.shell({ cwd: 'src' })`ls`.
   */
  readonly shell: Shell;
  readonly files: SandboxFiles;
}

export interface Sandbox extends RestrictedSandbox, AsyncDisposable {
  readonly lifecycle: 'ephemeral' | 'long-lived';
  /** Why it is on this runtime, in words for a person: which one `auto` took, and what stands against those before it. */
  readonly runtimeReason: string;
  readonly enforcement: EnforcementReport;
  readonly warnings: readonly string[];
  /** How long a collected command may run that does not say; null: as long as it likes. */
  readonly timeoutMs: number | null;
  /** `created` or `stopped` to `running`, with a session. Success when running. */
  start(): Promise<void>;
  /** Ends all commands, detached ones too, keeps the files: SIGTERM, then SIGKILL after `graceMs` (10 000). An ephemeral sandbox is gone then. */
  stop(options?: { graceMs?: number }): Promise<void>;
  kill(): Promise<void>;
  /** Ends and removes it, with its home volume. Resolves when it is gone; success when it was. */
  remove(): Promise<void>;
  inspect(): Promise<SandboxDetails>;
  stats(): Promise<SandboxStats>;
  /** Ends this program's session and its commands, not the detached ones. A long-lived sandbox goes on, an ephemeral one is removed. */
  close(): Promise<void>;
  restricted(): RestrictedSandbox;
  /** An opened sandbox: `close`. A created one: `remove`. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface CreateOptions {
  /** Id of an adapter, or `auto`. Default: the only one, or `auto`. */
  readonly runtime?: string | undefined;
  readonly image?: string | undefined;
  /**
   * Programs that commands need, such as `python3`. With it, a runtime without images takes the host's `/usr` in the place of `image`: `UNSUPPORTED`, naming what is missing, where it does not have them
   * all. Default: a runtime without images refuses every `image`.
   */
  readonly programs?: readonly string[] | undefined;
  /** `missing` (default), `always`, `never`. */
  readonly pull?: 'missing' | 'always' | 'never' | undefined;
  readonly policy?: PolicyInput | undefined;
  /** Host directory to mount at /workspace. `run` and `create` mount nothing unless told. */
  readonly workspace?: string | undefined;
  /**
   * Host directories for a caller who is not to be trusted with a path: the workspace's real path must lie in one of them, or be one, else it is `PERMISSION_DENIED`. What is
   * mounted is then proved to be the directory that was looked at. Default: any.
   */
  readonly workspaceRoots?: readonly string[] | undefined;
  /** Where commands start in the guest; default /workspace where there is one, else HOME. */
  readonly workdir?: string | undefined;
  /**
   * Name of the person who asks. It decides what is configured for them, is recorded as the owner, and nobody else may open what is theirs. Default: nobody in
   * particular. Not to be confused with `policy.user`, who the commands run as inside.
   */
  readonly user?: string | undefined;
  /** Where trust is configured, it can only be lowered by this. Default: as configured, else `familiar`. */
  readonly trust?: Trust | undefined;
  /** Name of a configured job to act as: with its user, and its settings over theirs. */
  readonly cron?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** What its commands are for that do not say, where that is told: see `onExecution`. */
  readonly purpose?: Purpose | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnImageProgress | undefined;
}

export interface OpenOptions extends CreateOptions {
  readonly workspace: string;
  /**
   * `long-lived` refuses a runtime that cannot keep a sandbox, `ephemeral` makes one that is gone with its handle. Default: as configured, else long-lived, and
   * ephemeral with a warning where the runtime cannot keep one or the user's trust does not allow it.
   */
  readonly lifecycle?: 'long-lived' | 'ephemeral' | undefined;
  /** Removes a sandbox that is there, and makes it again as asked for now. Home and workspace are kept, what else was changed in it is lost. */
  readonly recreate?: boolean | undefined;
  /**
   * Development tools in a new long-lived sandbox: the usual ones (`TOOLS`), none, or those of a list, in which a name that is not among them is that of a package. They are
   * installed once for each image, which takes minutes, and are then there for all sandboxes. Where that fails the sandbox opens without, with a
   * warning. One that is there keeps what it has. Default: as configured, else the usual ones.
   */
  readonly tools?: ToolsInput | undefined;
}

/** A task of a project: a sandbox of its own with a read-only system, and at /workspace the volume of its project, which survives it. */
export interface TaskOptions extends Omit<CreateOptions, 'workspace'> {
  /** 1 to 40 of `A-Z a-z 0-9 _ . -`, and neither `run` nor `project`. The first who opens a task of it owns it. */
  readonly project: string;
  /** As `project`. The same task again is the same sandbox. */
  readonly task: string;
  readonly workspace?: undefined;
  /**
   * Whether it outlives this program, until `endTask` or until nobody has used it for long. Default false: it is removed once this program has ended, by whoever looks next. One that is there stays
   * what it was made as.
   */
  readonly keep?: boolean | undefined;
  /** Removes a sandbox that is there, and makes it again as asked for now. The project's volume is kept. */
  readonly recreate?: boolean | undefined;
  /** As of a workspace's sandbox. */
  readonly tools?: ToolsInput | undefined;
}

export interface EndTaskOptions {
  /** Refuses what belongs to another user. */
  readonly user?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RunOptions extends CreateOptions, Omit<ExecOptions, 'user' | 'signal'> {}
