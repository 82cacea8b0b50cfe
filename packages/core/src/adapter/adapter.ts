import type { CallOptions, ListCallOptions } from './call-options.ts';
import type { Capabilities, Control, Support } from './capabilities.ts';
import type { ImageStore } from './images.ts';
import type { RawProcess } from './raw-process.ts';
import type { AgentSpec, SandboxSpec } from './spec.ts';
import type { VolumeStore } from './volumes.ts';

export const ADAPTER_API_VERSION = 1;

/**
 * What a runtime must do to carry sandboxes: the lifecycle, and one raw process. Commands, exit codes, timeouts, signals,
 * terminals and files are not its business.
 *
 * Rules for all members, checked by the conformance suite from inside of the guest:
 *
 * - Fail closed: a part of the spec that cannot be enforced is an `UNSUPPORTED` that names the control.
 * - `stop`, `kill` and `remove` are idempotent. Removal is verified before the promise resolves.
 * - Any error is a `SandboxError`; a hung runtime gives `DEADLINE_EXCEEDED`, one that is not there `UNAVAILABLE`.
 * - A name that no sandbox can have is refused by `create` (`INVALID_ARGUMENT`); to all others it is one that is not there.
 * - Making an adapter does no I/O; no idle handle of an adapter keeps Node alive.
 */
export interface RuntimeAdapter {
  /** Stable id, lower case: `docker`. In labels, in the registry and on the command line. */
  readonly runtime: string;
  /** The version of this contract that the adapter was written for. */
  readonly apiVersion: typeof ADAPTER_API_VERSION;
  /** The best that this runtime can do anywhere. */
  readonly capabilities: Capabilities;

  /** Looks whether the runtime is there and what it can do here. Never throws for a runtime that is missing or broken: it says so. */
  probe(options?: CallOptions): Promise<ProbeResult>;

  /**
   * Makes a sandbox in state `created`, and does not start it. A name that is taken is `ALREADY_EXISTS`, an image that is not there `NOT_FOUND` (images are
   * pulled by the caller, through `images`). After a failure nothing is left behind. The result tells what was read back from the runtime.
   */
  create(spec: SandboxSpec, options?: CallOptions): Promise<CreateResult>;

  /**
   * Starts the main process: `created` or `stopped` to `running`. Starting a running sandbox succeeds and changes nothing; core never attaches to one. With `attach` the result is the main
   * process, no byte of its output lost; a sandbox made `ephemeral` is then removed by the runtime itself, or by whoever looks next, once that process has ended,
   * also when our own process has died. `NOT_FOUND` when there is no such sandbox.
   */
  start(name: string, options: CallOptions & { readonly attach: true }): Promise<RawProcess>;
  start(name: string, options?: CallOptions & { readonly attach?: false }): Promise<undefined>;

  /**
   * Starts one more process in a running sandbox; `FAILED_PRECONDITION` when it is not running. The argv is never touched by a shell. With `user` it runs as that id, else as the
   * sandbox's own. Everything that confines the main process confines this one too. A runtime whose sandboxes are only kept root file systems starts a sandbox of its own on it.
   */
  exec(name: string, request: ExecSpec, options?: CallOptions): Promise<RawProcess>;

  /** Ends all processes and keeps the files: TERM to the main process, KILL after `graceMs` (default 0). A sandbox that is not running, or that is gone, is a success. */
  stop(name: string, options?: CallOptions & { readonly graceMs?: number }): Promise<void>;
  /** `stop` without grace. */
  kill(name: string, options?: CallOptions): Promise<void>;
  /**
   * Ends and removes the sandbox with all that belongs to it but volumes, unless `volumes` is set, which removes the volumes that carry its name label too. What is gone is a success;
   * resolves when it has been seen to be gone.
   */
  remove(name: string, options?: CallOptions & { readonly volumes?: boolean }): Promise<void>;

  /** `NOT_FOUND` when there is no such sandbox. With the spec that it was made from, the result has a `readback` as that of `create`, where the runtime can still tell. */
  inspect(name: string, options?: CallOptions & { readonly spec?: SandboxSpec }): Promise<SandboxInfo>;
  /** All sandboxes that carry every one of these labels, in any state, `dev.sandbox.managed=true` always among them. With `sizes`, what each occupies, where that can be told. */
  list(labels?: Readonly<Record<string, string>>, options?: ListCallOptions): Promise<SandboxInfo[]>;
  /**
   * Removes what is ours, has these labels and belongs to no sandbox any more, such as a network that a program left behind which was killed. What is so new that somebody may be
   * about to use it stays. For runtimes that have such things; core calls it when it looks for orphans. With `all`, for when nothing of ours is to be left: what is new too, and
   * what the next sandbox would make again (agents, directories), unless a sandbox or a volume is still there that needs it.
   */
  sweep?(
    labels?: Readonly<Record<string, string>>,
    options?: CallOptions & { readonly all?: boolean },
  ): Promise<void>;
  /** What it keeps on this machine besides sandboxes, volumes and images, and what that occupies: agents, unpacked root file systems. For runtimes that keep files of their own. */
  extras?(options?: CallOptions): Promise<ExtraInfo[]>;
  /** `FAILED_PRECONDITION` unless running. */
  stats(name: string, options?: CallOptions): Promise<SandboxStats>;

  readonly images?: ImageStore;
  readonly volumes?: VolumeStore;

  /** Drops connections and helpers of this adapter; sandboxes stay as they are. Idempotent. */
  close(): Promise<void>;
}

export type ProbeStatus = 'undetected' | 'unhealthy' | 'healthy';

export interface ProbeResult {
  /** `undetected`: not installed, or nothing answers where it should be. `unhealthy`: there, but cannot run sandboxes; `message` says why. */
  readonly status: ProbeStatus;
  readonly version?: string;
  /** Where it was found: a socket, an address, a program. */
  readonly endpoint?: string;
  /** One sentence for a person: what was found, or what is wrong. */
  readonly message: string;
  /** What to type to install or mend it; present unless healthy. */
  readonly remedy?: string;
  /** What it can do on this host. Equal to or less than the adapter's own. */
  readonly capabilities: Capabilities;
  /** Architecture of the guests; known when healthy. */
  readonly architecture?: 'amd64' | 'arm64';
  /** How ids inside of a guest map to ids on the host; rules who may own a writable workspace. */
  readonly idMapping?: IdMapping;
  /** Whether the runtime sees this machine's files (false for an engine on another machine): else host directories are refused. */
  readonly sharesHostFiles?: boolean;
  /** Whether it runs without root rights on the host. */
  readonly rootless?: boolean;
  /** Anything that a person should know, such as a known defect of this version. */
  readonly warnings?: readonly string[];
}

/**
 * `identity`: guest ids are host ids. `caller`: one guest id (`guestUid`, `guestGid`) is the calling user (`hostUid`, `hostGid`), the others are subordinate ids.
 * `any`: the runtime maps whichever guest id is asked for to the workspace's owner.
 */
export type IdMapping =
  | { readonly type: 'identity' }
  | {
      readonly type: 'caller';
      readonly hostUid: number;
      readonly hostGid: number;
      readonly guestUid: number;
      readonly guestGid: number;
    }
  | { readonly type: 'any' };

export interface ExecSpec {
  readonly argv: readonly string[];
  /**
   * There when argv starts the agent: this version must be at `/.sandbox` before. The sandbox may have been made by another version of ours, with another agent.
   */
  readonly agent?: AgentSpec;
  /** Ids inside of the guest; the sandbox's own when absent. */
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly env?: Readonly<Record<string, string>>;
}

/** No adapter says `missing`: that is what a long-lived sandbox is called of which only the home is left. */
export type SandboxState = 'creating' | 'created' | 'running' | 'paused' | 'stopped' | 'missing' | 'unknown';

export interface SandboxInfo {
  readonly name: string;
  /** The runtime's own id, where it has one. */
  readonly id?: string;
  readonly state: SandboxState;
  readonly labels: Readonly<Record<string, string>>;
  readonly image?: string;
  readonly createdAt?: Date;
  /** Exit code of the main process when stopped. */
  readonly exitCode?: number | null;
  /** Processes that `exec` opened and that still run; undefined where the runtime cannot tell. */
  readonly sessions?: number;
  /** Of its own writable root file system, volumes not among it; where a list with sizes was asked for and the runtime can tell. */
  readonly sizeBytes?: number;
  /** What an `inspect` with a spec read back. */
  readonly readback?: readonly Readback[];
}

export interface ExtraInfo {
  /** In a word or two, for a person: `agents`. */
  readonly name: string;
  readonly sizeBytes: number | null;
}

/** What the runtime says about one control when asked after `create`. */
export interface Readback {
  readonly control: Control;
  readonly status: Support;
  /**
   * In the words of the spec: bytes, cores or a count; `uid:gid` for `user`; `none` or `full` for a network, `rw`, `ro` or `none` for `workspace-access`; names with commas between them for
   * `capabilities`, none of them is `''`. True is a plain yes, false or null that it is not in force.
   */
  readonly effective: number | string | boolean | null;
  /** Where it was read: `inspect HostConfig.Memory`. */
  readonly how: string;
}

export interface CreateResult {
  readonly info: SandboxInfo;
  /** One for each control that the spec sets. Core compares, and removes the sandbox on a mismatch. */
  readonly readback: readonly Readback[];
}

export interface SandboxStats {
  /** Without caches that the kernel can drop, where the runtime tells them apart. */
  readonly memoryBytes: number | null;
  readonly memoryLimitBytes: number | null;
  /** Processor time since start, in milliseconds. */
  readonly cpuMs: number | null;
  readonly pids: number | null;
}
