import type { Release } from './command.ts';
import { guarded } from './guarded.ts';
import { GuestError } from './guest-error.ts';

/** What one channel of one request may send before it has to wait for credit. */
export const WINDOW = 1_048_576;
/** With so many pieces unreleased, what follows is put together: tiny pieces would cost far more than their bytes. */
const PIECE_LIMIT = 1_024;
const SLAB_SIZE = 65_536;

export interface InboundSink {
  chunk(bytes: Uint8Array, release: Release): void;
  /** No more comes. Called once. */
  end(): void;
}

/** The host's end of one stream of output: counts credit, and keeps what must be kept within its window. */
export class InboundChannel {
  readonly #sink: InboundSink | undefined;
  readonly #grant: (bytes: number) => void;
  /** What the agent may still send. */
  #credit = WINDOW;
  /** Consumed, and not granted again yet. */
  #consumed = 0;
  #pieces = 0;
  #held: Uint8Array[] = [];
  #slab: Uint8Array | undefined;
  #slabLength = 0;
  #state: 'open' | 'closed' | 'ended' = 'open';
  #ending = false;

  /** Without a sink, what comes is thrown away. */
  constructor(sink: InboundSink | undefined, grant: (bytes: number) => void) {
    this.#sink = sink;
    this.#grant = grant;
  }

  /** A frame of so many bytes comes. Throws when that is more than was granted, or after the end. */
  accept(length: number): void {
    if (this.#ending) throw new GuestError('UNKNOWN', 'the agent sent data after the end of a channel');
    if (length > this.#credit) throw new GuestError('UNKNOWN', 'the agent sent more than it had credit for');
    this.#credit -= length;
  }

  /** Bytes of a frame that was accepted. */
  push(piece: Uint8Array): void {
    if (this.#state !== 'open' || this.#sink === undefined) this.consumed(piece.length);
    else if (this.#pieces >= PIECE_LIMIT || this.#holding) this.#hold(piece);
    else this.#deliver(own(piece));
  }

  /** Grants bytes again, once half of the window was consumed. */
  consumed(bytes: number): void {
    this.#consumed += bytes;
    if (this.#consumed < WINDOW / 2 || this.#ending || this.#state === 'closed') return;
    this.#credit += this.#consumed;
    this.#grant(this.#consumed);
    this.#consumed = 0;
  }

  /** The host wants no more: what still comes is thrown away. False if there was nothing left to close. */
  close(): boolean {
    if (this.#state !== 'open' || this.#ending) return false;
    this.#state = 'closed';
    this.#forget();
    return true;
  }

  /** The agent sends no more. Hands over what is held, then the end. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    while (this.#holding) this.#deliverHeld();
    if (this.#state === 'open') {
      this.#state = 'ended';
      guarded(() => this.#sink?.end());
    }
  }

  get #holding(): boolean {
    return this.#held.length > 0 || this.#slabLength > 0;
  }

  #deliver(bytes: Uint8Array): void {
    this.#pieces += 1;
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      this.#pieces -= 1;
      this.consumed(bytes.length);
      if (this.#pieces < PIECE_LIMIT / 2 && this.#holding) this.#deliverHeld();
    };
    guarded(() => this.#sink?.chunk(bytes, release));
  }

  #hold(piece: Uint8Array): void {
    let offset = 0;
    while (offset < piece.length) {
      this.#slab ??= new Uint8Array(SLAB_SIZE);
      const part = piece.subarray(offset, offset + SLAB_SIZE - this.#slabLength);
      this.#slab.set(part, this.#slabLength);
      this.#slabLength += part.length;
      offset += part.length;
      if (this.#slabLength === SLAB_SIZE) {
        this.#held.push(this.#slab);
        this.#slab = undefined;
        this.#slabLength = 0;
      }
    }
  }

  #deliverHeld(): void {
    let bytes = this.#held.shift();
    if (bytes === undefined) {
      bytes = this.#slab?.slice(0, this.#slabLength);
      this.#slabLength = 0;
    }
    if (bytes !== undefined) this.#deliver(bytes);
  }

  #forget(): void {
    this.#held = [];
    this.#slab = undefined;
    this.#slabLength = 0;
  }
}

/** A plain array of bytes that the receiver may keep: a small one is copied, so that it does not keep a large buffer. */
function own(piece: Uint8Array): Uint8Array {
  const buffer = piece.buffer;
  if (piece.length * 8 < buffer.byteLength) return new Uint8Array(piece);
  return new Uint8Array(buffer, piece.byteOffset, piece.length);
}
