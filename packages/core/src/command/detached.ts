import type { CommandOptions, CommandResult } from './types.ts';

/**
 * A command that outlives this program: the sandbox itself keeps it, until it ends, is killed, or the sandbox is stopped. It runs as the sandbox's own user and
 * reads an empty stdin. It has no timeout unless one is given.
 */
export interface DetachOptions
  extends Pick<CommandOptions, 'cwd' | 'env' | 'timeoutMs' | 'graceMs' | 'purpose'> {
  readonly detached: true;
}

/** What the sandbox knows of a detached command. */
export interface DetachedInfo {
  /** Given out once: never that of another command, also not after the sandbox was started again. */
  readonly id: string;
  /** Its words, decoded leniently: the first 1 KiB of them. */
  readonly command: readonly string[];
  readonly commandTruncated: boolean;
  /** `running` while anything of its process tree is left. */
  readonly state: 'running' | 'ended';
  /** In the guest's view; null for one that could not be executed. */
  readonly pid: number | null;
  /** By the guest's clock. */
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  /** Bytes that it has printed, kept or not. */
  readonly stdoutLength: number;
  readonly stderrLength: number;
  /** Null while it is running. */
  readonly result: CommandResult | null;
}

/** The last MiB of each output; less where a sandbox has less than 1 GiB of memory. */
export interface DetachedLogs {
  /** Decoded as UTF-8, leniently: what is not valid becomes U+FFFD. */
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: Uint8Array;
  readonly stderrBytes: Uint8Array;
  /** Whether there was more before. */
  readonly stdoutTruncated: boolean;
  readonly stderrTruncated: boolean;
  /** As it was at that moment. */
  readonly info: DetachedInfo;
}

export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

/** What `follow` returns in the end. */
export interface FollowSummary {
  /** Bytes that were printed and are not among the chunks: they were no longer kept when their turn came. */
  readonly stdoutMissed: number;
  readonly stderrMissed: number;
}

/** A detached command, by its id. The handle holds nothing: it is as good in another program. */
export interface DetachedCommand {
  readonly id: string;
  /** `NOT_FOUND` once the sandbox no longer remembers it: the last 32 that have ended are remembered, and none after a stop. */
  inspect(): Promise<DetachedInfo>;
  /**
   * Settles when nothing of it is left. Where the sandbox was stopped or removed meanwhile, or remembers it no more, the ending is `lost`. `UNAVAILABLE` when
   * the runtime cannot be asked.
   */
  wait(options?: { readonly signal?: AbortSignal }): Promise<CommandResult>;
  /** Sends a signal to its process group (`SIGTERM`, `SIGINT`, …). Success when it has ended already. */
  signal(signal: string): Promise<void>;
  /** Kills the whole tree, strays included, and resolves when it is gone. */
  kill(options?: { readonly graceMs?: number }): Promise<CommandResult>;
  /** What is kept of its output. */
  logs(): Promise<DetachedLogs>;
  /**
   * What is kept of its output, and then what comes, until it ends. Whoever reads slowly misses bytes; the command is not held up. Leaving the loop, or the
   * signal, ends it.
   */
  follow(options?: { readonly signal?: AbortSignal }): AsyncGenerator<OutputChunk, FollowSummary, undefined>;
}

/** The detached commands of a sandbox: `spawn` with `detached: true` starts them. */
export interface SandboxCommands {
  /** Those that run and the last 32 that have ended; the oldest first. None where the sandbox is not running. */
  list(): Promise<DetachedInfo[]>;
  /** `NOT_FOUND` for one that is not, or no longer, remembered. */
  get(id: string): Promise<DetachedCommand>;
}
