import type { Duplex } from 'node:stream';
import type { Faults } from './faults.ts';
import type { Streams } from './surroundings.ts';

/** Joins a caller's streams with a process in the engine. Resolves when the process has closed its output, or nobody reads it any more. */
export async function relay(
  socket: Duplex,
  streams: Streams,
  options: { readonly stdin: boolean },
): Promise<Relayed> {
  if (options.stdin) streams.input.pipe(socket);
  else socket.end();
  const relayed = new Relayed(streams);
  socket.on('error', () => {});
  await relayed.read(socket);
  return relayed;
}

/** Docker's frames: a header of eight bytes says which stream the next bytes belong to. */
export class Relayed {
  /** The first words on stdout, held back where they may be the engine's own. */
  held = '';
  readonly #streams: Streams;
  #rest = Buffer.alloc(0);
  #first = true;

  constructor(streams: Streams) {
    this.#streams = streams;
  }

  async read(socket: Duplex): Promise<void> {
    const reading = (async () => {
      try {
        for await (const chunk of socket as AsyncIterable<Buffer>) await this.#take(chunk);
      } catch {
        // The connection broke: what there was is all there is.
      }
    })();
    await Promise.race([reading, this.#streams.gone]);
    socket.destroy();
  }

  async #take(chunk: Buffer): Promise<void> {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 8) {
      const length = bytes.readUInt32BE(4);
      if (bytes.length < 8 + length) break;
      await this.#write(bytes[0] === 2 ? 'error' : 'out', bytes.subarray(8, 8 + length));
      bytes = bytes.subarray(8 + length);
    }
    this.#rest = Buffer.from(bytes);
  }

  async #write(to: 'out' | 'error', data: Buffer): Promise<void> {
    const isFirst = this.#first;
    this.#first = false;
    if (isFirst && /^OCI runtime exec failed/.test(data.subarray(0, 64).toString())) {
      this.held = data.toString();
      return;
    }
    await this.#streams.write(to, Buffer.from(data));
  }
}

/** TERM and INT go to the process, or nowhere, as in 1.0 to 1.2.2; the third ends the client. */
export function forwardSignals(
  faults: Faults,
  streams: Streams,
  forward: (signal: string) => Promise<unknown>,
): Promise<number> {
  let count = 0;
  return new Promise((resolve) => {
    streams.onSignal((name) => {
      count += 1;
      const complain = (text: string) => streams.write('error', Buffer.from(`${text}\n`));
      if (count === 3) {
        void complain("Received 3 SIGINT/SIGTERM's, forcefully exiting.").then(() => resolve(1));
      } else if (faults.has('swallow-signals')) {
        const number = name === 'TERM' ? 15 : 2;
        void complain(
          `failed to send signal: ["error": invalidArgument: "missing signal in xpc message", "signal": ${number}]`,
        );
      } else void forward(name).catch(() => {});
    });
  });
}
