import type { Release } from '@sandbox/guest';

const SMALL = 4096;
const BLOCK = 65_536;

/**
 * Output that was sent and is not yet taken. It is bounded by the session's credit, which a chunk gives back when it is
 * taken; small chunks are copied together, so that a command that prints byte by byte costs no object for each.
 */
export class ByteQueue {
  readonly #chunks: Uint8Array[] = [];
  #releases: Release[] = [];
  /** Small chunks, copied together. */
  #block: Uint8Array | undefined;
  #blockLength = 0;

  get empty(): boolean {
    return this.#chunks.length === 0 && this.#blockLength === 0;
  }

  push(chunk: Uint8Array, release: Release): void {
    this.#releases.push(release);
    if (chunk.length >= SMALL || (this.empty && this.#block === undefined)) {
      this.#seal();
      this.#chunks.push(chunk);
      return;
    }
    if (this.#block === undefined || this.#blockLength + chunk.length > BLOCK) {
      this.#seal();
      this.#block = new Uint8Array(BLOCK);
    }
    this.#block.set(chunk, this.#blockLength);
    this.#blockLength += chunk.length;
  }

  /** All that is there, in order; its bytes become credit again. */
  take(): Uint8Array[] {
    this.#seal();
    const chunks = this.#chunks.splice(0);
    this.release();
    return chunks;
  }

  /** Throws away what is there. */
  clear(): void {
    this.#chunks.length = 0;
    this.#block = undefined;
    this.#blockLength = 0;
    this.release();
  }

  /** The bytes become credit again, though they are not taken yet. */
  release(): void {
    const releases = this.#releases;
    this.#releases = [];
    for (const release of releases) release();
  }

  #seal(): void {
    if (this.#block === undefined) return;
    if (this.#blockLength > 0) this.#chunks.push(this.#block.subarray(0, this.#blockLength));
    this.#block = undefined;
    this.#blockLength = 0;
  }
}
