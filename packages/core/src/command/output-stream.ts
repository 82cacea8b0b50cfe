import type { Release } from '@sandbox/guest';
import { ByteQueue } from './byte-queue.ts';
import type { ByteStream } from './types.ts';

/** More than a pipe and a window hold together. */
const LOOSE_BYTES = 4 * 1024 * 1024;

const NOTHING: Release = () => {};

/**
 * What a command prints, as a Web stream. Bytes become credit again when the reader takes them: what is not read is not
 * printed, and what waits here is bounded by the session's window.
 */
export class OutputStream {
  readonly stream: ByteStream;
  readonly #queue = new ByteQueue();
  readonly #onCancel: () => void;
  #ended = false;
  #cancelled = false;
  #loose = 0;
  #wake: (() => void) | undefined;

  /** `onCancel` is called when the reader gives up before the end. */
  constructor(onCancel: () => void) {
    this.#onCancel = onCancel;
    // Nothing is taken ahead of the reader.
    this.stream = new ReadableStream<Uint8Array>(
      { pull: (controller) => this.#pull(controller), cancel: () => this.#cancel() },
      { highWaterMark: 0 },
    ) as ByteStream;
  }

  push(chunk: Uint8Array, release: Release): void {
    const unwanted = this.#cancelled || this.#ended || chunk.length === 0;
    const loose = this.#loose >= chunk.length;
    if (loose) this.#loose -= chunk.length;
    if (unwanted || loose) release();
    if (unwanted) return;
    this.#queue.push(chunk, loose ? NOTHING : release);
    this.#wake?.();
  }

  /**
   * The command has ended: the rest of its output comes in, and the end is known, whether somebody reads or not. There
   * is a limit to it, for what it left behind may still be printing.
   */
  loosen(): void {
    this.#loose = LOOSE_BYTES;
    this.#queue.release();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (this.#queue.empty && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    if (this.#cancelled) return;
    for (const chunk of this.#queue.take()) controller.enqueue(chunk);
    if (this.#ended && this.#queue.empty) controller.close();
  }

  #cancel(): void {
    const early = !this.#ended;
    this.#cancelled = true;
    this.#queue.clear();
    this.#wake?.();
    if (early) this.#onCancel();
  }
}
