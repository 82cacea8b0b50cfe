import type { ExecRequest, GuestCommand } from './command.ts';
import type { GuestDetached } from './detached.ts';
import type { GuestFiles, RequestOptions } from './files.ts';
import type { GuestError } from './guest-error.ts';
import type { Text } from './text.ts';

export interface SessionOptions {
  /** Gives up opening; an open session is not touched. */
  readonly signal?: AbortSignal | undefined;
  /** How long the agent may take to answer. @default 30_000 */
  readonly helloTimeoutMs?: number | undefined;
  /** A ping is sent when nothing else was for so long. @default 10_000 */
  readonly heartbeatMs?: number | undefined;
  /** An agent that was not heard for so long, while this process was awake, is lost. @default 30_000 */
  readonly lostAfterMs?: number | undefined;
}

/** What the agent says of itself. It is the guest's own word: enough for a report, never for a permission. */
export interface AgentHello {
  readonly version: number;
  /** Its build. */
  readonly agent: string;
  readonly arch: string;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly facts: AgentFacts;
}

/** What the agent sees of its own confinement; null where it cannot be seen. */
export interface AgentFacts {
  /** Hexadecimal, as in `/proc/self/status`. */
  readonly capEff: string | null;
  readonly capBnd: string | null;
  readonly noNewPrivs: boolean | null;
  /** 0 off, 1 strict, 2 filter. */
  readonly seccomp: number | null;
  /** `[soft, hard]`; null is no limit. */
  readonly rlimits: Readonly<Record<string, readonly [number | null, number | null]>>;
  readonly kernel: string | null;
  /** Of the guest's own control group; `Infinity` is no limit. */
  readonly cgroup: {
    readonly memoryMax: number | null;
    readonly pidsMax: number | null;
    /** In processors: 1.5 is one and a half. */
    readonly cpuMax: number | null;
  };
  readonly home: Text | null;
  readonly workdir: Text | null;
}

/** The guest's own count of what it uses; null where it cannot be seen. */
export interface GuestStats {
  readonly memoryBytes: number | null;
  readonly memoryLimitBytes: number | null;
  readonly pids: number | null;
  readonly cpuUs: number | null;
}

export interface SessionEnd {
  /**
   * `closed`: by `close`. `goodbye`: the agent said why it ends. `lost`: the transport ended or fell silent.
   * `protocol`: what came was not what an agent says.
   */
  readonly reason: 'closed' | 'lost' | 'protocol' | 'goodbye';
  /** Absent for `closed`. */
  readonly error?: GuestError;
}

/** An open session with one agent. */
export interface GuestSession {
  readonly hello: AgentHello;
  /** Requests in flight. While there are none, the session does not keep Node alive. */
  readonly running: number;
  /** Never throws: what stops it is in `done`. At most 1,024 requests run at a time (`RESOURCE_EXHAUSTED`). */
  exec(request: ExecRequest): GuestCommand;
  /** Milliseconds of an empty round trip. */
  ping(): Promise<number>;
  readonly files: GuestFiles;
  /** What the main process of the sandbox keeps, for who knows its key: 32 bytes in base64url. */
  detached(key: string): GuestDetached;
  stats(options?: RequestOptions): Promise<GuestStats>;
  /**
   * Ends the agent and every command that it runs (these settle as `lost`), waits a bounded time for it to be gone,
   * then drops the transport. The same promise every time; never rejects.
   */
  close(): Promise<void>;
  /** Resolves, never rejects, when the session has ended, however it did. */
  readonly closed: Promise<SessionEnd>;
  [Symbol.asyncDispose](): Promise<void>;
}
