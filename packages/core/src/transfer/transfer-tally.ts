import type { TransferOptions, Transferred } from './files.ts';

/** Counts what a transfer moves, and tells it as it goes. */
export class TransferTally {
  #entries = 0;
  #bytes = 0;
  readonly #onProgress: TransferOptions['onProgress'];

  constructor(onProgress?: TransferOptions['onProgress']) {
    this.#onProgress = onProgress;
  }

  get total(): Transferred {
    return { entries: this.#entries, bytes: this.#bytes };
  }

  addEntry(): void {
    this.#entries += 1;
    this.#onProgress?.(this.total);
  }

  addBytes(count: number): void {
    this.#bytes += count;
    this.#onProgress?.(this.total);
  }
}
