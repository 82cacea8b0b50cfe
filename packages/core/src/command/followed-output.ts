import type { GuestDetached, GuestLogs, LogsSummary, Release } from '@sandbox/guest';
import type { OutputChunk } from './detached.ts';

interface Queued extends OutputChunk {
  readonly release: Release;
}

/** Output of both streams on its way to one reader, in the order in which it arrives. What waits is bounded by the session's window. */
export class FollowedOutput {
  readonly #signal: AbortSignal | undefined;
  readonly #queue: Queued[] = [];
  #logs: GuestLogs | undefined;
  #wake = Promise.withResolvers<void>();
  #over = false;

  /** The signal ends it as a reader does who has seen enough. */
  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    signal?.addEventListener('abort', this.stop, { once: true });
  }

  async read(detached: GuestDetached, id: string): Promise<LogsSummary> {
    this.#logs = detached.logs(id, {
      follow: true,
      onStdout: (bytes, release) => this.#push({ stream: 'stdout', bytes, release }),
      onStderr: (bytes, release) => this.#push({ stream: 'stderr', bytes, release }),
    });
    if (this.#over) this.#logs.close();
    return this.#logs.done;
  }

  async *chunks(): AsyncGenerator<OutputChunk, void, undefined> {
    for (;;) {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        const { stream, bytes, release } = next;
        release();
        yield { stream, bytes };
      }
      if (this.#over) return;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }

  /** No more comes: what is there is still read. */
  readonly end = (): void => {
    this.#signal?.removeEventListener('abort', this.stop);
    this.#over = true;
    this.#wake.resolve();
  };

  /** Nobody reads any more. */
  readonly stop = (): void => {
    this.end();
    for (const { release } of this.#queue.splice(0)) release();
    this.#logs?.close();
  };

  #push(chunk: Queued): void {
    if (this.#over) {
      chunk.release();
      return;
    }
    this.#queue.push(chunk);
    this.#wake.resolve();
  }
}
