import type { FrameWriter } from './frame-writer.ts';
import { CHANNEL, KIND } from './frames.ts';
import { GuestError } from './guest-error.ts';

/** One frame's worth: large enough to be cheap, small enough that streams take turns. */
const FRAME_LIMIT = 65_536;
const DONE = Promise.resolve();

interface QueuedWrite {
  readonly bytes: Uint8Array;
  offset: number;
  readonly resolve: () => void;
  readonly reject: (error: GuestError) => void;
}

/** The host's end of a stream towards the guest: sends what credit and the transport allow, the rest waits. */
export class OutboundChannel {
  readonly #id: number;
  readonly #writer: FrameWriter;
  readonly #wait: (channel: OutboundChannel) => void;
  readonly #queue: QueuedWrite[] = [];
  #credit: number;
  #ended = false;
  #refusal: GuestError | undefined;

  /** `wait` asks for a call of `pump` when the writer is ready again. */
  constructor(id: number, window: number, writer: FrameWriter, wait: (channel: OutboundChannel) => void) {
    this.#id = id;
    this.#credit = window;
    this.#writer = writer;
    this.#wait = wait;
  }

  /** The bytes belong to the channel from here on. Resolves when they are on their way. */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    if (this.#ended) return Promise.reject(new GuestError('FAILED_PRECONDITION', 'stdin was ended'));
    if (bytes.length === 0) return DONE;
    if (
      this.#queue.length === 0 &&
      bytes.length <= this.#credit &&
      bytes.length <= FRAME_LIMIT &&
      this.#writer.ready
    ) {
      this.#send(bytes);
      return DONE;
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ bytes, offset: 0, resolve, reject });
      if (this.#queue.length === 1) this.pump();
    });
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#queue.length === 0) this.#sendEnd();
  }

  grant(bytes: number): void {
    this.#credit += bytes;
    this.pump();
  }

  /** Sends one frame after the other; where the writer is full, it is this channel's turn again later. */
  pump(): void {
    let next = this.#queue[0];
    while (next !== undefined && this.#credit > 0) {
      if (!this.#writer.ready) {
        this.#wait(this);
        return;
      }
      const length = Math.min(next.bytes.length - next.offset, this.#credit, FRAME_LIMIT);
      this.#send(next.bytes.subarray(next.offset, next.offset + length));
      next.offset += length;
      if (next.offset < next.bytes.length) continue;
      this.#queue.shift();
      next.resolve();
      next = this.#queue[0];
    }
    if (next === undefined && this.#ended) this.#sendEnd();
  }

  /** Nobody takes anything any more: refuses what waits, and all that comes. */
  refuse(error: GuestError): void {
    if (this.#refusal !== undefined) return;
    this.#refusal = error;
    this.#ended = true;
    for (const waiting of this.#queue.splice(0)) waiting.reject(error);
  }

  #send(bytes: Uint8Array): void {
    this.#credit -= bytes.length;
    this.#writer.frame(KIND.data, this.#id, CHANNEL.stdin, bytes);
  }

  #sendEnd(): void {
    if (this.#refusal !== undefined) return;
    this.#refusal = new GuestError('FAILED_PRECONDITION', 'stdin was ended');
    this.#writer.frame(KIND.end, this.#id, CHANNEL.stdin);
  }
}
