import type { Readable, Writable } from 'node:stream';

/** One byte stream each way and its end: what joins a session to its agent, however the bytes travel. */
export interface Transport {
  /** Towards the agent. */
  readonly stdin: Writable;
  /** From the agent. */
  readonly stdout: Readable;
  /** The agent's own diagnostics. It is read to its end; the last 64 KiB are kept for error messages. */
  readonly stderr?: Readable | undefined;
  /** Settles when the process is gone. May be called more than once. A rejection counts as gone. */
  wait(): Promise<{ exitCode: number | null; signal?: string | null | undefined }>;
  /**
   * Lets the transport keep Node alive, or not. A session calls `unref` once it is open, `ref` when its first request
   * starts to run, `unref` when the last one has ended, and `ref` for the time that closing takes.
   */
  ref?(): void;
  unref?(): void;
  /** Drops the transport at once, without waiting for the other end. May be called more than once. */
  destroy(): void;
}
