const KEPT = 65_536;
const PIECES = 256;

/** The last 64 KiB of the agent's diagnostics. */
export class StderrTail {
  #pieces: Buffer[] = [];
  #length = 0;

  push(piece: Buffer): void {
    this.#pieces.push(Buffer.from(piece.length > KEPT ? piece.subarray(piece.length - KEPT) : piece));
    this.#length += Math.min(piece.length, KEPT);
    while (this.#length - (this.#pieces[0]?.length ?? 0) >= KEPT)
      this.#length -= this.#pieces.shift()?.length ?? 0;
    if (this.#pieces.length > PIECES) this.#pieces = [Buffer.concat(this.#pieces)];
  }

  toString(): string {
    const all = Buffer.concat(this.#pieces);
    return all.subarray(Math.max(0, all.length - KEPT)).toString('utf8');
  }
}
