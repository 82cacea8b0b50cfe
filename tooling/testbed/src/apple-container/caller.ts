import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import type { Surroundings } from './surroundings.ts';

/**
 * `bin/container` at the other end of a connection. Either way messages are a letter, a length of four bytes, and bytes.
 *
 * - To here: `r`, once: its directory, the number of its arguments, those, and its environment, with NULs between them;
 *   `i` what was read from its stdin, with nothing in it at the end; `s` the name of a signal.
 * - From here: `1` and `2` for its stdout and stderr, `x` its exit code.
 */
export class Caller {
  readonly request: Promise<{ readonly argv: readonly string[]; readonly surroundings: Surroundings }>;
  readonly #socket: Socket;
  readonly #input = new PassThrough();
  readonly #gone: Promise<void>;
  #rest: Buffer = Buffer.alloc(0);
  #onRequest: (text: string) => void = () => {};
  #onSignal: (name: string) => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    this.request = new Promise<string>((resolve) => {
      this.#onRequest = resolve;
    }).then((text) => this.#read(text));
    this.#gone = new Promise((resolve) => {
      socket.on('close', () => {
        this.#input.end();
        resolve();
      });
    });
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  end(exitCode: number): void {
    this.#send('x', Buffer.from(String(exitCode)));
    this.#socket.end();
  }

  #take(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 5) {
      const end = 5 + this.#rest.readUInt32BE(1);
      if (this.#rest.length < end) break;
      const [kind, data] = [this.#rest.toString('latin1', 0, 1), this.#rest.subarray(5, end)];
      this.#rest = this.#rest.subarray(end);
      if (kind === 'r') this.#onRequest(data.toString());
      if (kind === 's') this.#onSignal(data.toString());
      if (kind === 'i') this.#pass(data);
    }
  }

  #pass(data: Buffer): void {
    if (data.length === 0) this.#input.end();
    else if (!this.#input.write(Buffer.from(data))) {
      this.#socket.pause();
      this.#input.once('drain', () => this.#socket.resume());
    }
  }

  #read(text: string) {
    const [directory = '', count, ...words] = text.split('\0');
    const environment = words.slice(Number(count)).map((pair) => {
      const cut = pair.indexOf('=');
      return [pair.slice(0, cut), pair.slice(cut + 1)];
    });
    const surroundings: Surroundings = {
      environment: Object.fromEntries(environment),
      directory,
      out: (line) => this.#send('1', Buffer.from(line)),
      error: (line) => this.#send('2', Buffer.from(line)),
      streams: {
        input: this.#input,
        write: async (to, data) => {
          if (this.#send(to === 'out' ? '1' : '2', data)) return;
          const taken = new Promise((resolve) => this.#socket.once('drain', resolve));
          await Promise.race([taken, this.#gone]);
        },
        onSignal: (take) => {
          this.#onSignal = take;
        },
        gone: this.#gone,
      },
    };
    return { argv: words.slice(0, Number(count)), surroundings };
  }

  /** False where it takes no more for now. */
  #send(kind: '1' | '2' | 'x', data: Uint8Array): boolean {
    if (this.#socket.destroyed) return true;
    const head = Buffer.alloc(5, kind);
    head.writeUInt32BE(data.length, 1);
    this.#socket.cork();
    this.#socket.write(head);
    const isFree = this.#socket.write(data);
    this.#socket.uncork();
    return isFree;
  }
}
