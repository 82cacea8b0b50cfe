import type { Text } from './text.ts';

/** Hands a chunk back: its bytes become credit for the command again. Calling it twice does no harm. */
export type Release = () => void;

/** How a command is run. */
export interface ExecRequest {
  /** Reaches the guest byte for byte. The first is looked up in the resulting PATH when it has no slash. */
  readonly argv: readonly Text[];
  /** Laid over the agent's own environment; `null` removes a name. */
  readonly env?: Readonly<Record<string, Text | null>> | undefined;
  /** @default the agent's own working directory */
  readonly cwd?: Text | undefined;
  /** With `null` the command reads an empty stdin, and `write` is refused. @default 'null' */
  readonly stdin?: 'pipe' | 'null' | undefined;
  /** Gives the command a terminal: what it prints comes through `onStdout`, and stdin (ask for `pipe`) is its keyboard. */
  readonly terminal?: { readonly rows: number; readonly cols: number } | undefined;
  /** The tree is killed when it has run for so long; `cause` is then `timeout`. @default no limit */
  readonly timeoutMs?: number | undefined;
  /** Time between SIGTERM and SIGKILL on a timeout; 0 kills at once. @default 0 */
  readonly graceMs?: number | undefined;
  /** How long output is read that others still hold open after the first process has ended. @default 200 */
  readonly drainMs?: number | undefined;
  /** What becomes of processes that the first one leaves behind. @default 'kill' */
  readonly strays?: 'kill' | 'keep' | undefined;
  /** Asks the agent for the process id, which costs one more frame. Implied by `onStart`. @default false */
  readonly started?: boolean | undefined;

  /**
   * Called for each piece of output, in order, from within the session's read loop: it must not throw, and must not
   * block. The bytes are the receiver's to keep. The command goes on printing while less than a window (1 MiB) is
   * unreleased, so a sink that calls `release` at once has no backpressure, and one that never does stops the
   * command, and nothing else. Without a sink, output is thrown away.
   */
  onStdout?(chunk: Uint8Array, release: Release): void;
  /** As `onStdout`. Never called for a command with a terminal. */
  onStderr?(chunk: Uint8Array, release: Release): void;
  /** No more output comes on this stream. Called once, always before `done` settles. */
  onStdoutEnd?(): void;
  onStderrEnd?(): void;
  onStart?(pid: number): void;
  /**
   * The first process has ended, but its tree, or its output, has not yet. Called at most once, before `done`
   * settles, and not at all when both come together.
   */
  onExit?(status: ExecStatus): void;
}

/** A running command. */
export interface GuestCommand {
  /** The guest's process id. Rejects unless `started` or `onStart` asked for it. */
  readonly pid: Promise<number>;
  /**
   * Sends bytes to the command's stdin; they must not be changed until it resolves, which it does once they are on
   * their way and credit allows more. Rejects with `FAILED_PRECONDITION` (`EPIPE`) when nobody reads them any more.
   */
  write(chunk: Uint8Array | string): Promise<void>;
  /** Ends stdin, after what was written. Does nothing the second time. */
  end(): void;
  /**
   * Sends a signal, by number (1 to 64), to the command's process group (with a terminal, to its foreground group).
   * Like `cancel` and `resize`, it does nothing to a command that has ended, and throws `INVALID_ARGUMENT` for numbers
   * that make no sense.
   */
  signal(signal: number): void;
  /** Kills the whole tree, `graceMs` (default: at once) after a SIGTERM; `cause` is then `cancel`. */
  cancel(graceMs?: number): void;
  resize(rows: number, cols: number): void;
  /** Nobody reads this output any more: a command that goes on writing gets SIGPIPE. */
  closeStdout(): void;
  closeStderr(): void;
  /**
   * Settles after all output was handed to the sinks and, unless `lost`, nothing of the tree is left. A session that
   * ends resolves it with `lost: true`. Rejects when the command could not be run at all.
   */
  readonly done: Promise<ExecStatus>;
}

/** How a command ended. */
export interface ExecStatus {
  /** Null when a signal ended it, or `lost`. 127: no such program, 126: not executable, with the reason in `message`. */
  readonly exitCode: number | null;
  /** The number of the signal that ended it. */
  readonly signal: number | null;
  readonly cause: 'exit' | 'timeout' | 'cancel';
  readonly oomKilled: boolean;
  /** The outcome could not be learned: it may have ended any way, or, if the session is lost, still run. */
  readonly lost: boolean;
  readonly durationUs: number;
  readonly cpuUserUs: number;
  readonly cpuSystemUs: number;
  readonly peakMemoryBytes: number;
  /** How many processes had to be killed after the first had ended. */
  readonly strays: number;
  readonly message?: string;
}
