import { ByteStream } from './byte-stream.ts';
import type { Connection } from './connection.ts';
import { parseStat } from './file-stat.ts';
import type { FileStat } from './files.ts';
import { CHANNEL } from './frames.ts';
import { GuestError } from './guest-error.ts';
import { arrayOf, type Message, objectOf } from './message.ts';
import { ReplyRequest } from './request.ts';

/** A request that sends bytes: a file, an archive. The reader gives up with CLOSE. */
export class StreamRequest<T> extends ReplyRequest<T> {
  readonly bytes: ByteStream;

  constructor(
    connection: Connection,
    operation: string,
    message: () => Message,
    parse: (message: Message) => T,
    signal: AbortSignal | undefined,
  ) {
    super(operation, parse);
    this.bytes = new ByteStream(
      () => this.#begin(connection, message, signal),
      () => {
        connection.closeInbound(this, CHANNEL.stdout);
        this.fail(new GuestError('FAILED_PRECONDITION', 'the stream was cancelled', { operation }));
      },
    );
  }

  override reply(message: Message): void {
    super.reply(message);
    this.bytes.complete();
  }

  override fail(error: unknown): void {
    super.fail(error);
    this.bytes.fail(error);
  }

  #begin(connection: Connection, message: () => Message, signal: AbortSignal | undefined): void {
    try {
      signal?.throwIfAborted();
      connection.start(this, message(), { stdout: { sink: this.bytes } });
      cancelOnAbort(connection, this, signal);
    } catch (error) {
      this.fail(error);
    }
  }
}

/** A request that sends entries, in events that use the credit of channel 1. */
export class ListRequest extends ReplyRequest<void> {
  readonly #queue: { entries: FileStat[]; length: number }[] = [];
  #wake = Promise.withResolvers<void>();
  #ended = false;
  #error: unknown;

  constructor() {
    super('list', () => undefined);
  }

  override event(message: Message, length: number): void {
    if (message.event !== 'entries') return;
    this.stdout?.accept(length);
    const entries = arrayOf(message, 'entries').map((entry) => parseStat(objectOf(entry, 'an entry')));
    this.#queue.push({ entries, length });
    this.#wake.resolve();
  }

  override reply(message: Message): void {
    super.reply(message);
    this.#ended = true;
    this.#wake.resolve();
  }

  override fail(error: unknown): void {
    super.fail(error);
    this.#ended = true;
    this.#error ??= error;
    this.#wake.resolve();
  }

  /** The next entries; undefined at the end. Rejects, after what came before, with what stopped the request. */
  async next(): Promise<readonly FileStat[] | undefined> {
    while (this.#queue.length === 0 && !this.#ended) {
      this.#wake = Promise.withResolvers();
      await this.#wake.promise;
    }
    const batch = this.#queue.shift();
    if (batch !== undefined) {
      this.stdout?.consumed(batch.length);
      return batch.entries;
    }
    if (this.#error !== undefined) throw this.#error;
    return undefined;
  }
}

/** The caller's wait ends at once; the agent is told, and its answer dropped. */
export function cancelOnAbort<T>(
  connection: Connection,
  request: ReplyRequest<T>,
  signal: AbortSignal | undefined,
): void {
  if (signal === undefined) return;
  const abort = (): void => {
    connection.control(request, { control: 'cancel' });
    request.fail(signal.reason);
  };
  signal.addEventListener('abort', abort, { once: true });
  request.result.catch(() => {}).finally(() => signal.removeEventListener('abort', abort));
}
