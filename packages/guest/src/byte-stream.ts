import { ReadableStream } from 'node:stream/web';
import type { Release } from './command.ts';
import type { InboundSink } from './inbound-channel.ts';

interface Piece {
  readonly bytes: Uint8Array;
  readonly release: Release;
}

/**
 * A Web stream fed by a channel: bytes become credit again when the reader takes them. It holds back nothing of its
 * own, so what waits in it is bounded by the channel's window.
 */
export class ByteStream implements InboundSink {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #begin: () => void;
  readonly #stop: () => void;
  #queue: Piece[] = [];
  #begun = false;
  #state: 'flowing' | 'ended' | 'failed' = 'flowing';
  #error: unknown;
  #wake: (() => void) | undefined;

  /** `begin` is called by the first read, `stop` when the reader gives up before the end, maybe before the first read. */
  constructor(begin: () => void, stop: () => void) {
    this.#begin = begin;
    this.#stop = stop;
    this.stream = new ReadableStream<Uint8Array>(
      { pull: (controller) => this.#pull(controller), cancel: () => this.#cancel() },
      { highWaterMark: 0 },
    );
  }

  chunk(bytes: Uint8Array, release: Release): void {
    this.#queue.push({ bytes, release });
    this.#wake?.();
  }

  /** The channel has ended; whether all came, the reply says: `complete` or `fail` follow. */
  end(): void {}

  complete(): void {
    if (this.#state === 'flowing') this.#state = 'ended';
    this.#wake?.();
  }

  /** The reader gets what came before, then the error. */
  fail(error: unknown): void {
    if (this.#state === 'flowing') {
      this.#state = 'failed';
      this.#error = error;
    }
    this.#wake?.();
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (!this.#begun) {
      this.#begun = true;
      this.#begin();
    }
    if (this.#queue.length === 0 && this.#state === 'flowing') {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const piece = this.#queue.shift();
    if (piece !== undefined) {
      controller.enqueue(piece.bytes);
      piece.release();
    } else if (this.#state === 'failed') {
      controller.error(this.#error);
    } else {
      controller.close();
    }
  }

  #cancel(): void {
    this.#queue = [];
    if (this.#state !== 'flowing') return;
    this.#state = 'ended';
    this.#stop();
    this.#wake?.();
  }
}
