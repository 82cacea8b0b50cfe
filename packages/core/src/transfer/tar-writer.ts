import { Header, Pax } from 'tar';
import { TransferTally } from './transfer-tally.ts';

const BLOCK = 512;
const FLUSH = 128 * 1024;
/** Two empty blocks end an archive. */
const END = Buffer.alloc(2 * BLOCK);

export interface TarEntry {
  readonly path: string;
  readonly type: 'File' | 'Directory' | 'SymbolicLink';
  readonly mode: number;
  readonly mtime?: Date;
  readonly size?: number;
  readonly linkpath?: string;
}

/** Gathers an archive's small pieces into larger ones, for each that is sent costs a frame. */
export class TarWriter {
  readonly tally: TransferTally;
  #pieces: Uint8Array[] = [];
  #length = 0;

  constructor(tally = new TransferTally()) {
    this.tally = tally;
  }

  /** `size` bytes of content must follow, then `pad`. */
  header(entry: TarEntry): void {
    // Owners are not the guest's to set.
    const data = { ...entry, uid: 0, gid: 0 };
    const header = new Header(data);
    if (header.encode()) this.#add(new Pax(data).encode());
    this.#add(header.block as Buffer);
    this.tally.addEntry();
  }

  content(bytes: Uint8Array): void {
    this.tally.addBytes(bytes.length);
    this.#add(bytes);
  }

  pad(size: number): void {
    const rest = size % BLOCK;
    if (rest > 0) this.#add(END.subarray(0, BLOCK - rest));
  }

  end(): void {
    this.#add(END);
  }

  /** Whether enough has come together to be sent. */
  get full(): boolean {
    return this.#length >= FLUSH;
  }

  take(): Uint8Array {
    const bytes = Buffer.concat(this.#pieces, this.#length);
    this.#pieces = [];
    this.#length = 0;
    return bytes;
  }

  #add(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#length += bytes.length;
  }
}
