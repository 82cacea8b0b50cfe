import type { Readable, Writable } from 'node:stream';

/**
 * The one process that an adapter opens: three byte streams and an end. It knows nothing of timeouts, signals, terminals
 * or users: the agent that runs as this process does those.
 */
export interface RawProcess {
  /** Ending it is an order to the agent to end, with every command it started. Writes push back. */
  readonly stdin: Writable;
  /** Byte for byte what the process wrote, nothing of the engine's own. Push-back reaches the process. */
  readonly stdout: Readable;
  /** The process's stderr, never mixed into stdout. */
  readonly stderr: Readable;
  /**
   * Settles when the process is gone and its streams have ended. `exitCode` is null where the runtime lost it. Never rejects for
   * how the process ended.
   */
  wait(): Promise<{ exitCode: number | null; signal?: string | null }>;
  /** While unref'd, an open process does not keep Node alive. */
  ref(): void;
  unref(): void;
  /** Drops the connection at once, without waiting for the other end. Idempotent. */
  destroy(): void;
}
