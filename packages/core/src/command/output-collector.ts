import type { Release } from '@sandbox/guest';
import { type OutputCallback, OutputDelivery } from './output-delivery.ts';

const EMPTY = new Uint8Array(0);
const SMALLEST = 1024;
/** Keeps a byte order mark: what was printed is what is reported. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export interface CollectorOptions {
  readonly maximum: number;
  readonly onChunk?: OutputCallback | undefined;
  /** More came than `maximum`. Called once. */
  onLimit(): void;
  /** `onChunk` failed. Called once. */
  onError(error: unknown): void;
}

/** One output stream of a command: the first `maximum` bytes are kept, all are counted and shown to the caller. */
export class OutputCollector {
  /** All bytes, kept or not. */
  length = 0;
  readonly #maximum: number;
  readonly #onLimit: () => void;
  readonly #delivery: OutputDelivery | undefined;
  #kept: Uint8Array = EMPTY;
  #keptLength = 0;

  constructor({ maximum, onChunk, onLimit, onError }: CollectorOptions) {
    this.#maximum = maximum;
    this.#onLimit = onLimit;
    if (onChunk !== undefined) this.#delivery = new OutputDelivery(onChunk, onError);
  }

  get truncated(): boolean {
    return this.length > this.#maximum;
  }

  push(chunk: Uint8Array, release: Release): void {
    const within = !this.truncated;
    this.length += chunk.length;
    if (within) this.#keep(chunk);
    if (within && this.truncated) this.#onLimit();
    if (this.#delivery === undefined) release();
    else this.#delivery.push(chunk, release);
  }

  /** Settles when the caller has taken all that came; undefined when it has. */
  drained(): Promise<void> | undefined {
    return this.#delivery?.drained();
  }

  /** The caller's callback gets no more, and holds up nothing any more. */
  abandon(): void {
    this.#delivery?.abandon();
  }

  bytes(): Uint8Array {
    if (this.#keptLength !== this.#kept.length) this.#kept = this.#kept.slice(0, this.#keptLength);
    return this.#kept;
  }

  /** Lenient. Where the output was cut, a character that the cut went through is left out. */
  text(): string {
    const bytes = this.bytes();
    if (bytes.length === 0) return '';
    if (!this.truncated) return decoder.decode(bytes);
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true });
  }

  /** Copies: a small chunk must not keep the large buffer alive that it was read into. */
  #keep(chunk: Uint8Array): void {
    const room = this.#maximum - this.#keptLength;
    const piece = chunk.length <= room ? chunk : chunk.subarray(0, room);
    const needed = this.#keptLength + piece.length;
    if (needed > this.#kept.length) this.#grow(needed);
    this.#kept.set(piece, this.#keptLength);
    this.#keptLength = needed;
  }

  #grow(needed: number): void {
    const size = this.#keptLength === 0 ? needed : Math.max(needed, 2 * this.#kept.length, SMALLEST);
    const grown = new Uint8Array(Math.min(this.#maximum, size));
    grown.set(this.#kept.subarray(0, this.#keptLength));
    this.#kept = grown;
  }
}
