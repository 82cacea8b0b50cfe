import { type Cipher, createCipheriv } from 'node:crypto';

export const TAG_SIZE = 8;
const TAGS_PER_BLOCK = 512;
const ZEROS = Buffer.alloc(TAGS_PER_BLOCK * TAG_SIZE);

/** The tags that an agent's frames must carry, one after the other: an AES-128-CTR key stream, made a block at a time. */
export class TagStream {
  readonly #cipher: Cipher;
  #block: Buffer = ZEROS;
  #offset = ZEROS.length;

  constructor(key: Uint8Array) {
    this.#cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  }

  /** The next tag. Valid until the next call. */
  next(): Buffer {
    const start = this.#advance();
    return this.#block.subarray(start, start + TAG_SIZE);
  }

  /** Whether the next tag stands in `bytes` at `offset`. */
  matches(bytes: Buffer, offset: number): boolean {
    const start = this.#advance();
    const block = this.#block;
    return (
      block.readUInt32LE(start) === bytes.readUInt32LE(offset) &&
      block.readUInt32LE(start + 4) === bytes.readUInt32LE(offset + 4)
    );
  }

  #advance(): number {
    if (this.#offset === this.#block.length) {
      this.#block = this.#cipher.update(ZEROS);
      this.#offset = 0;
    }
    const start = this.#offset;
    this.#offset += TAG_SIZE;
    return start;
  }
}
