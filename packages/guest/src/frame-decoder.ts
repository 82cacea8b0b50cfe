import { FIRST_IGNORABLE_KIND, HEADER_SIZE, KIND, MAX_PAYLOAD } from './frames.ts';
import { GuestError } from './guest-error.ts';
import { printable } from './printable.ts';

/** What a decoder finds. A call may throw: nothing more is decoded then. */
export interface FrameReceiver {
  /** A DATA frame begins; `length` bytes of it follow, in pieces, as they arrive. */
  dataStart(id: number, channel: number, length: number): void;
  /** A piece of the DATA frame that began last: a view of what was pushed. */
  data(piece: Buffer): void;
  /** Any other frame, whole. The payload may be a view of what was pushed. */
  frame(kind: number, id: number, channel: number, payload: Buffer): void;
  /** Whether a header's tag is the one that is due. Called once for each frame, in order. */
  tagMatches(header: Buffer, offset: number): boolean;
}

const TAG_OFFSET = 12;
const FROM_AGENT: ReadonlySet<number> = new Set(
  Object.values(KIND).filter((kind) => kind !== KIND.request && kind !== KIND.control),
);
const EMPTY = Buffer.alloc(0);

/**
 * Cuts an agent's bytes into frames, however they are split. Holds at most one header and one payload (1 MiB),
 * whatever comes; DATA is passed on without being held. Throws a `GuestError` for what no agent writes.
 */
export class FrameDecoder {
  readonly #receiver: FrameReceiver;
  readonly #header = Buffer.alloc(HEADER_SIZE);
  #headerLength = 0;
  #kind = 0;
  #id = 0;
  #channel = 0;
  /** The payload that is being put together, when it did not come in one piece. */
  #payload: Buffer | undefined;
  #payloadLength = 0;
  /** Bytes to come that need no putting together: of a DATA frame, or of one to be ignored. */
  #passing = 0;
  #stopped = false;

  constructor(receiver: FrameReceiver) {
    this.#receiver = receiver;
  }

  /** True between frames: an end here cuts nothing in two. */
  get atBoundary(): boolean {
    return this.#headerLength === 0 && this.#payload === undefined && this.#passing === 0;
  }

  /** Bytes that it holds. */
  get held(): number {
    return this.#headerLength + (this.#payload?.length ?? 0);
  }

  /** Decodes nothing more, not even the rest of what is being pushed. */
  stop(): void {
    this.#stopped = true;
    this.#payload = undefined;
    this.#headerLength = 0;
    this.#passing = 0;
  }

  push(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length && !this.#stopped) {
      if (this.#passing > 0) offset = this.#pass(chunk, offset);
      else if (this.#payload !== undefined) offset = this.#fill(this.#payload, chunk, offset);
      else offset = this.#begin(chunk, offset);
    }
  }

  #pass(chunk: Buffer, offset: number): number {
    const end = Math.min(chunk.length, offset + this.#passing);
    this.#passing -= end - offset;
    if (this.#kind === KIND.data) this.#receiver.data(chunk.subarray(offset, end));
    return end;
  }

  #fill(payload: Buffer, chunk: Buffer, offset: number): number {
    const copied = chunk.copy(payload, this.#payloadLength, offset);
    this.#payloadLength += copied;
    if (this.#payloadLength === payload.length) {
      this.#payload = undefined;
      this.#receiver.frame(this.#kind, this.#id, this.#channel, payload);
    }
    return offset + copied;
  }

  #begin(chunk: Buffer, offset: number): number {
    if (this.#headerLength === 0 && chunk.length - offset >= HEADER_SIZE) {
      return this.#open(chunk, offset, chunk, offset + HEADER_SIZE);
    }
    const copied = chunk.copy(this.#header, this.#headerLength, offset);
    this.#headerLength += copied;
    const next = offset + copied;
    if (this.#headerLength === HEADER_SIZE) {
      this.#headerLength = 0;
      return this.#open(this.#header, 0, chunk, next);
    }
    // Text is found out by its first four bytes: it need not be as long as a header.
    if (this.#headerLength >= 4 && this.#header.readUInt32LE(0) > MAX_PAYLOAD) {
      throw foreign('bytes that are no frame', this.#header.subarray(0, this.#headerLength));
    }
    return next;
  }

  /** The header is whole, at `at` in `header`; the rest of the frame starts in the chunk at `next`. */
  #open(header: Buffer, at: number, chunk: Buffer, next: number): number {
    const length = header.readUInt32LE(at);
    if (length > MAX_PAYLOAD) throw foreign('bytes that are no frame', seen(header, at, chunk, next));
    if (!this.#receiver.tagMatches(header, at + TAG_OFFSET)) {
      throw foreign('a frame that the agent did not write', seen(header, at, chunk, next));
    }
    const id = header.readUInt32LE(at + 4);
    const kind = header[at + 8] as number;
    const channel = header[at + 9] as number;
    this.#kind = kind;
    this.#id = id;
    this.#channel = channel;
    if (kind === KIND.data) {
      this.#passing = length;
      this.#receiver.dataStart(id, channel, length);
    } else if (kind >= FIRST_IGNORABLE_KIND) {
      this.#passing = length;
    } else if (!FROM_AGENT.has(kind)) {
      throw new GuestError('UNKNOWN', `a frame of kind 0x${kind.toString(16)}, which no agent sends`);
    } else if (length === 0) {
      this.#receiver.frame(kind, id, channel, EMPTY);
    } else if (chunk.length - next >= length) {
      this.#receiver.frame(kind, id, channel, chunk.subarray(next, next + length));
      return next + length;
    } else {
      this.#payload = Buffer.allocUnsafeSlow(length);
      this.#payloadLength = 0;
    }
    return next;
  }
}

/** The bytes from the header on. */
function seen(header: Buffer, at: number, chunk: Buffer, next: number): Buffer {
  return header === chunk ? chunk.subarray(at) : Buffer.concat([header, chunk.subarray(next, next + 1024)]);
}

/** What stands where a frame should is often another program's error message, so it is shown. */
function foreign(what: string, bytes: Buffer): GuestError {
  return new GuestError('UNKNOWN', `${what}: "${printable(bytes)}"`);
}
