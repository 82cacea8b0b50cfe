import type { Release } from '@sandbox/guest';
import { ByteQueue } from './byte-queue.ts';

export type OutputCallback = (chunk: Uint8Array) => void | Promise<void>;

/** Hands one stream's chunks to the caller's callback, one after the other; a promise that it returns holds up the stream. */
export class OutputDelivery {
  readonly #callback: OutputCallback;
  readonly #onError: (error: unknown) => void;
  readonly #waiting = new ByteQueue();
  /** Of the chunk that the callback has now. Calling it twice does no harm. */
  #held: Release | undefined;
  /** There while the callback is at work. */
  #busy: PromiseWithResolvers<void> | undefined;
  #abandoned = false;

  constructor(callback: OutputCallback, onError: (error: unknown) => void) {
    this.#callback = callback;
    this.#onError = onError;
  }

  push(chunk: Uint8Array, release: Release): void {
    if (this.#abandoned) release();
    else if (this.#busy !== undefined) this.#waiting.push(chunk, release);
    else this.#call(chunk, release);
  }

  /** Settles when the callback has taken all that came; undefined when it has. */
  drained(): Promise<void> | undefined {
    return this.#busy?.promise;
  }

  /** The callback gets no more, and holds up nothing any more. */
  abandon(): void {
    this.#abandoned = true;
    this.#held?.();
    this.#waiting.clear();
    this.#busy?.resolve();
  }

  #call(chunk: Uint8Array, release: Release): void {
    try {
      const result = this.#callback(chunk);
      // What is not a promise is the value of an arrow function: `(chunk) => chunks.push(chunk)`.
      if (typeof result?.then === 'function') {
        this.#busy = Promise.withResolvers();
        this.#held = release;
        void this.#goOn(result);
        return;
      }
    } catch (error) {
      this.#fail(error);
    }
    release();
  }

  async #goOn(first: Promise<void>): Promise<void> {
    try {
      await first;
      this.#held?.();
      while (!this.#waiting.empty) {
        for (const chunk of this.#waiting.take()) if (!this.#abandoned) await this.#callback(chunk);
      }
      this.#busy?.resolve();
      this.#busy = undefined;
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#abandoned) return;
    this.abandon();
    this.#onError(error);
  }
}
