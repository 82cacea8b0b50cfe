import type { Writable } from 'node:stream';
import { encodeHeader, HEADER_SIZE, KIND } from './frames.ts';

const EMPTY = new Uint8Array(0);
/** Less than this goes out as one buffer: copying it is cheaper than a vector of small ones. */
const COPY_LIMIT = 16_384;
/** Payloads up to this are put behind their header at once. */
const INLINE_PAYLOAD = 1_024;
/** No more DATA is taken in one turn of the event loop than this. */
const PENDING_LIMIT = 262_144;

/**
 * The host's frames on their way to the agent. What is sent in one turn of the event loop goes out in one write.
 * Messages are always taken; DATA must wait for `ready`.
 */
export class FrameWriter {
  readonly #stdin: Writable;
  readonly #onReady: () => void;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #scheduled = false;
  #ended = false;
  /** Set while the stream takes no more: since when, by `performance.now()`. */
  blockedSince: number | undefined;
  /** Something was sent since this was last set to false. */
  sent = false;

  /** `onReady` is called each time that DATA is taken again. */
  constructor(stdin: Writable, onReady: () => void) {
    this.#stdin = stdin;
    this.#onReady = onReady;
    stdin.on('drain', () => this.#drained());
  }

  get ready(): boolean {
    return this.blockedSince === undefined && this.#pendingBytes < PENDING_LIMIT && !this.#ended;
  }

  message(kind: number, id: number, json: string): void {
    const length = Buffer.byteLength(json);
    const frame = Buffer.allocUnsafe(HEADER_SIZE + length);
    encodeHeader(frame, length, kind, id, 0);
    frame.write(json, HEADER_SIZE, 'utf8');
    this.#push(frame);
  }

  /** Any frame but a message. The payload belongs to the writer from here on. */
  frame(kind: number, id: number, channel: number, payload: Uint8Array = EMPTY): void {
    const inline = payload.length <= INLINE_PAYLOAD;
    const header = Buffer.allocUnsafe(HEADER_SIZE + (inline ? payload.length : 0));
    encodeHeader(header, payload.length, kind, id, channel);
    if (inline) header.set(payload, HEADER_SIZE);
    this.#push(header);
    if (!inline) this.#push(payload);
  }

  credit(id: number, channel: number, bytes: number): void {
    const frame = Buffer.allocUnsafe(HEADER_SIZE + 4);
    encodeHeader(frame, 4, KIND.credit, id, channel);
    frame.writeUInt32LE(bytes, HEADER_SIZE);
    this.#push(frame);
  }

  /** Ends the stream, after what was sent. Nothing is sent any more. */
  end(): void {
    if (this.#ended) return;
    this.#flush();
    this.#ended = true;
    this.#stdin.end();
  }

  /** Forgets what was not written yet. */
  stop(): void {
    this.#ended = true;
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  #push(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.sent = true;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Behind the promise callbacks of this turn: what they send goes along.
    process.nextTick(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    const bytes = this.#pendingBytes;
    this.#pending = [];
    this.#pendingBytes = 0;
    const more = this.#write(pending, bytes);
    if (!more) this.blockedSince ??= performance.now();
    else if (bytes >= PENDING_LIMIT) this.#onReady();
  }

  #write(pending: Uint8Array[], bytes: number): boolean {
    const stdin = this.#stdin;
    if (pending.length === 1) return stdin.write(pending[0]);
    if (bytes <= COPY_LIMIT) return stdin.write(Buffer.concat(pending, bytes));
    stdin.cork();
    let more = true;
    for (const part of pending) more = stdin.write(part);
    stdin.uncork();
    return more;
  }

  #drained(): void {
    this.blockedSince = undefined;
    this.#onReady();
  }
}
