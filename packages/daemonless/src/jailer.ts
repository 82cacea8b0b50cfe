import type { Capabilities, LimitsSpec, SandboxSpec, SecuritySpec } from '@sandbox/core';
import type { HardLimits, HostFacts } from './host-facts.ts';
import type { IdMapEntry, Ids } from './ids.ts';
import type { JailMount } from './mounts.ts';

/**
 * What a runtime without a daemon brings of its own: a program that makes a jail. A *jail* is one session of a sandbox: namespaces that one program made, with one
 * first process, gone with it. What is kept between sessions, what is counted and who owns it is the same for all such runtimes, and not its business.
 */
export interface Jailer {
  /** Stable id of the runtime: `nsjail`. */
  readonly runtime: string;
  /** The best that it can do anywhere. */
  readonly capabilities: Capabilities;
  /** What it can do on the host that these facts are of. Pure. */
  capabilitiesOn(facts: HostFacts): Capabilities;
  /** Where its program is. `NOT_FOUND` with a hint that says how to install it. */
  findProgram(): string;
  /** How many processes of its own make a jail, each the child of the one before; the jail's first process is the child of the last. */
  readonly makers: 1 | 2;
  /** What to type when it could not make a jail, and said this. Pure. */
  remedyFor(message: string): string;
  /** Refuses what this runtime alone cannot do, by the control's name. */
  check?(spec: SandboxSpec, facts: HostFacts): void;
  /** How its program is told to make one jail. May write one file, at `scratch`. */
  command(jail: JailRequest): JailCommand;
}

/** One jail, with nothing left to look up. */
export interface JailRequest {
  /** What `findProgram` found. */
  readonly program: string;
  /** Of a file that is the jailer's to write, where nobody else can read it. Removed once the jail has started. */
  readonly scratch: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workdir: string;
  readonly user: Ids;
  /** Which ids there are inside, and which ones they are outside. The first entry is the user's. */
  readonly uids: readonly IdMapEntry[];
  readonly gids: readonly IdMapEntry[];
  /** In the order in which they are mounted, on an empty read-only root. */
  readonly mounts: readonly JailMount[];
  readonly limits: LimitsSpec;
  readonly security: SecuritySpec;
  readonly architecture: 'amd64' | 'arm64';
  readonly hardLimits: HardLimits;
  /** Whether a cgroup counts processes. Otherwise an rlimit has to. */
  readonly countsPids: boolean;
}

export interface JailCommand {
  /** Its descriptor 3 is a pipe for what it reports of the jail; the program inside must not have it. */
  readonly argv: readonly string[];
  readonly report: JailReport;
  /** What it reads to the end on descriptors 4, 5, … */
  readonly inputs?: readonly Uint8Array[];
  /** For a program that can be held up before it runs the jail's first process. */
  readonly gate?: JailGate;
  /** A signal for a program that may sleep over the end of its jail: how long after its start, and after the end of its stdin. */
  readonly nudge?: {
    readonly signal: NodeJS.Signals;
    readonly afterStartMs: readonly number[];
    readonly afterStdinMs: readonly number[];
  };
}

/**
 * A socket on the descriptor after the inputs. The program waits until it has read what there is, and makes the jail then. The jail has started once its first process
 * runs something else than the program.
 */
export interface JailGate {
  readonly opens: Uint8Array;
  /**
   * What it reads to the end on the descriptor after the gate's, when it has passed that, and without which it runs nothing. Who waits at the gate of a program that is
   * killed finds it open.
   */
  readonly key: Uint8Array;
  /** Whether the jail's first process is there. */
  isWaiting(report: string): boolean;
  /** What is done to that process, by its id on this host, before the program may go on. */
  prepare(pid: number): void | Promise<void>;
}

/** Reads what the program reports on descriptor 3. Pure. */
export interface JailReport {
  /** Whether the jail is made and its first process about to run. Left out where a gate tells. */
  hasStarted?(report: string): boolean;
  /** `said` is the beginning of the jail's stderr, which is the program's own where the jail's first process never ran. */
  end(report: string, said: string): JailEnd;
}

/** How a jail ended. `failed`: it could not be made, or, where that is all that is wrong, its first process not be started. */
export type JailEnd =
  | { readonly type: 'exited'; readonly exitCode: number }
  | { readonly type: 'signaled'; readonly signal: string }
  | { readonly type: 'failed'; readonly reason: string; readonly isMade?: boolean };
