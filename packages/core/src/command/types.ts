import type { Purpose } from '../monitoring/purpose.ts';

/**
 * How a command can end; nothing else exists. Unknown is `lost`, never exit code 0. `exited` alone has an exit code.
 */
export const ENDINGS = [
  'exited',
  'signaled',
  'timed-out',
  'oom-killed',
  'output-limit',
  'aborted',
  'lost',
] as const;
export type Ending = (typeof ENDINGS)[number];

export interface Usage {
  /** User and system time of the command and all it waited for, in milliseconds. */
  readonly cpuMs: number;
  /** Largest resident set of one of its processes. */
  readonly peakMemoryBytes: number;
}

export interface CommandResult {
  readonly ending: Ending;
  /** Null unless `ending` is `exited`. 127: no such program; 126: it cannot be executed. */
  readonly exitCode: number | null;
  /** Such as `SIGKILL`; null unless a signal ended it. */
  readonly signal: string | null;
  readonly durationMs: number;
  readonly usage: Usage;
  readonly warnings: readonly string[];
}

export interface ExecResult extends CommandResult {
  readonly command: readonly string[];
  /** Decoded as UTF-8, leniently: what is not valid becomes U+FFFD. */
  readonly stdout: string;
  readonly stderr: string;
  /** The same output as bytes. */
  readonly stdoutBytes: Uint8Array;
  readonly stderrBytes: Uint8Array;
  /** Whether more was printed than `maxOutputBytes`. */
  readonly stdoutTruncated: boolean;
  readonly stderrTruncated: boolean;
  /** Bytes that the command printed, kept or not. */
  readonly stdoutLength: number;
  readonly stderrLength: number;
}

export interface CommandOptions {
  /** What it is for, where that is told: see `onExecution`. Default: the sandbox's. */
  readonly purpose?: Purpose | undefined;
  /** Absolute, or relative to the sandbox's working directory. */
  readonly cwd?: string | undefined;
  /** Over the sandbox's environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Kills the whole tree when it fires; the ending is `aborted`. */
  readonly signal?: AbortSignal | undefined;
  /** Kills the whole tree when it has passed; null for none. Default: the policy's for `exec`, none for `spawn`. */
  readonly timeoutMs?: number | null | undefined;
  /** Between SIGTERM and SIGKILL on timeout and abort; default 0, which kills at once. */
  readonly graceMs?: number | undefined;
  /** A user by id (`"0"`, `"1000:1000"`) or `root`; the sandbox's own by default. */
  readonly user?: string | undefined;
}

export type StdinInput =
  | string
  | Uint8Array
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array | string>;

export interface ExecOptions extends CommandOptions {
  /** Default: none, the command reads end of file. */
  readonly stdin?: StdinInput | undefined;
  /** Per stream; default 10 MiB. What is beyond is counted and thrown away. */
  readonly maxOutputBytes?: number | undefined;
  /** `truncate` (default), or `kill`: ends with `output-limit`. */
  readonly onOutputLimit?: 'truncate' | 'kill' | undefined;
  /** Throw unless the exit code is 0. */
  readonly check?: boolean | undefined;
  /** Gets each chunk as it comes, besides collecting it. A returned promise holds up that stream. */
  readonly onStdout?: ((chunk: Uint8Array) => void | Promise<void>) | undefined;
  readonly onStderr?: ((chunk: Uint8Array) => void | Promise<void>) | undefined;
}

export interface SpawnOptions extends CommandOptions {
  /** Default `pipe`. */
  readonly stdin?: 'pipe' | 'none' | undefined;
  readonly detached?: false | undefined;
  /** A terminal of this size; stdout carries what it shows, stderr is empty. */
  readonly terminal?: boolean | { readonly rows: number; readonly columns: number } | undefined;
}

/** A Web stream that is also an async iterable. */
export type ByteStream = ReadableStream<Uint8Array> & AsyncIterable<Uint8Array>;

/** A running command. It lives at most as long as its session; ask for its end with `wait` or `kill`. */
export interface Command {
  /** In the guest's view; null until it has started. */
  readonly pid: Promise<number | null>;
  readonly stdin: WritableStream<Uint8Array>;
  /** Not read means not taken: the command waits. */
  readonly stdout: ByteStream;
  readonly stderr: ByteStream;
  /** Settles when the command has ended. Never rejects for how it ended. */
  wait(): Promise<CommandResult>;
  /** Sends a signal to the command's process group (`SIGTERM`, `SIGINT`, …). Success when it has ended already. */
  signal(signal: string): Promise<void>;
  /** Kills the whole tree, strays included, and resolves when it is gone. */
  kill(options?: { graceMs?: number }): Promise<CommandResult>;
  resize(size: { rows: number; columns: number }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Shell {
  (strings: TemplateStringsArray, ...values: readonly ShellValue[]): Promise<ExecResult>;
  (
    options: ExecOptions,
  ): (strings: TemplateStringsArray, ...values: readonly ShellValue[]) => Promise<ExecResult>;
}
/** An array becomes several words. */
export type ShellValue = string | number | readonly (string | number)[];
