import { Readable } from 'node:stream';

const HEADER_BYTES = 8;
const HIGH_WATER_MARK = 256 * 1024;
/** What Podman says on stderr when a process leaves some of its stdin unread. It writes that and the output into one buffer at the same time, so that either may come twice, in part or not at all. */
const LAST_WORD = /^Error: (read|write) unix.*: (broken pipe|connection reset by peer)\n$/;

/**
 * Takes apart what an engine sends for a container without a terminal: frames of one byte of stream number, three of zero, four of length (big endian), then
 * the payload. Works on whatever pieces the network delivers, copies nothing, and stops reading the source while a reader of either stream has enough.
 */
export class Stdcopy {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Words of the engine itself (stream 3), which are no output of the process. */
  engineMessage = '';
  onEnd: (() => void) | undefined;
  readonly #source: Readable;
  readonly #full = new Set<Readable>();
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #stream = 0;
  #remaining = 0;
  #hasGivenUp = false;

  constructor(source: Readable) {
    this.#source = source;
    this.stdout = this.#output();
    this.stderr = this.#output();
    source.on('data', (chunk: Buffer) => this.take(chunk));
    source.once('end', () => this.end());
    source.once('close', () => this.end());
  }

  /** No more will come; what has come can still be read. */
  end(): void {
    for (const output of [this.stdout, this.stderr]) {
      if (!output.readableEnded && !output.destroyed && !this.#ended.has(output)) {
        this.#ended.add(output);
        output.push(null);
      }
    }
    this.onEnd?.();
  }

  destroy(error?: Error): void {
    this.stdout.destroy(error);
    this.stderr.destroy(error);
  }

  readonly #ended = new WeakSet<Readable>();

  #output(): Readable {
    const output: Readable = new Readable({
      highWaterMark: HIGH_WATER_MARK,
      read: () => this.#wants(output),
      destroy: (error, done) => {
        this.#wants(output);
        done(error);
      },
    });
    // A reader who is not there must not become an uncaught exception.
    return output.on('error', () => {});
  }

  #wants(output: Readable): void {
    if (this.#full.delete(output) && this.#full.size === 0) this.#source.resume();
  }

  /** What the source has sent, where it does not say so itself. */
  take(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#remaining > 0) {
        const end = Math.min(offset + this.#remaining, chunk.length);
        this.#remaining -= end - offset;
        this.#deliver(chunk.subarray(offset, end));
        offset = end;
      } else {
        const end = Math.min(offset + HEADER_BYTES - this.#headerBytes, chunk.length);
        chunk.copy(this.#header, this.#headerBytes, offset, end);
        this.#headerBytes += end - offset;
        offset = end;
        if (this.#headerBytes === HEADER_BYTES && !this.#readHeader()) return;
      }
    }
  }

  #readHeader(): boolean {
    const header = this.#header;
    this.#headerBytes = 0;
    this.#stream = header[0] ?? 0;
    this.#remaining = header.readUInt32BE(4);
    const valid = this.#stream <= 3 && header[1] === 0 && header[2] === 0 && header[3] === 0;
    if (!valid) {
      const error = new Error('the engine sent something that is not a stream of frames');
      this.#source.destroy(this.#hasGivenUp ? undefined : error);
    }
    return valid;
  }

  #deliver(bytes: Buffer): void {
    if (this.#stream === 3) {
      if (this.engineMessage.length < 4096) this.engineMessage += bytes.toString('utf8');
      return;
    }
    if (this.#stream === 2 && bytes.length < 200) this.#hasGivenUp ||= LAST_WORD.test(bytes.toString());
    const output = this.#stream === 2 ? this.stderr : this.stdout;
    if (output.destroyed || this.#ended.has(output)) return;
    if (!output.push(bytes)) {
      this.#full.add(output);
      this.#source.pause();
    }
  }
}
