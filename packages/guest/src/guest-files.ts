import { sendBody } from './body.ts';
import type { Connection } from './connection.ts';
import { cancelOnAbort, ListRequest, StreamRequest } from './file-requests.ts';
import { parseStat, parseSummary } from './file-stat.ts';
import type { Body, FileStat, GuestFiles, GuestReadStream, GuestTarStream, RequestOptions } from './files.ts';
import { CHANNEL } from './frames.ts';
import { encodeInteger, encodeText, type Message, numberOf } from './message.ts';
import type { OutboundChannel } from './outbound-channel.ts';
import { ReplyRequest } from './request.ts';
import type { Text } from './text.ts';

const nothing = (): void => {};
const sizeOf = (message: Message): number => numberOf(message, 'size');

/** The guest's files over a connection: each operation is one request. */
export function createGuestFiles(connection: Connection): GuestFiles {
  return {
    read(path, { offset, length, signal } = {}) {
      const message = (): Message => ({
        op: 'read',
        path: encodeText(path, 'path'),
        offset: encodeOffset(offset, 'offset'),
        length: encodeOffset(length, 'length'),
      });
      const request = new StreamRequest(connection, 'read', message, sizeOf, signal);
      return withProperty(request.bytes.stream, 'size', request.result) as GuestReadStream;
    },

    write: (path, body, { mode, parents, exclusive, append, signal } = {}) =>
      upload(
        connection,
        'write',
        () => ({ ...named(path), mode: encodeMode(mode), parents, exclusive, append }),
        body,
        sizeOf,
        signal,
      ),

    list: (path, options) => list(connection, path, options),

    stat: (path, { follow, signal } = {}) =>
      call(connection, 'stat', () => ({ ...named(path), follow }), parseStat, signal),

    mkdir: (path, { parents, mode, signal } = {}) =>
      call(connection, 'mkdir', () => ({ ...named(path), parents, mode: encodeMode(mode) }), nothing, signal),

    remove: (path, { recursive, force, signal } = {}) =>
      call(connection, 'remove', () => ({ ...named(path), recursive, force }), nothing, signal),

    rename: (from, to, { overwrite, signal } = {}) => {
      const message = (): Message => ({
        from: encodeText(from, 'from'),
        to: encodeText(to, 'to'),
        overwrite,
      });
      return call(connection, 'rename', message, nothing, signal);
    },

    tarIn: (path, body, { parents, signal } = {}) =>
      upload(connection, 'tar-in', () => ({ ...named(path), parents }), body, parseSummary, signal),

    tarOut(path, { names, signal } = {}) {
      const message = (): Message => ({
        op: 'tar-out',
        ...named(path),
        names: names?.map((name) => encodeText(name, 'a name')),
      });
      const request = new StreamRequest(connection, 'tar-out', message, parseSummary, signal);
      return withProperty(request.bytes.stream, 'summary', request.result) as GuestTarStream;
    },
  };
}

/** One request, one reply. */
export function call<T>(
  connection: Connection,
  operation: string,
  fields: () => Message,
  parse: (message: Message) => T,
  signal: AbortSignal | undefined,
): Promise<T> {
  const request = new ReplyRequest(operation, parse);
  try {
    signal?.throwIfAborted();
    connection.start(request, { op: operation, ...fields() });
    cancelOnAbort(connection, request, signal);
  } catch (error) {
    request.fail(error);
  }
  return request.result;
}

function upload<T>(
  connection: Connection,
  operation: string,
  fields: () => Message,
  body: Body,
  parse: (message: Message) => T,
  signal: AbortSignal | undefined,
): Promise<T> {
  const request = new ReplyRequest(operation, parse);
  try {
    signal?.throwIfAborted();
    connection.start(request, { op: operation, ...fields() }, { stdin: true });
    cancelOnAbort(connection, request, signal);
    if (request.stdin !== undefined) send(connection, request, body, request.stdin);
  } catch (error) {
    connection.control(request, { control: 'cancel' });
    request.fail(error);
  }
  return request.result;
}

/** The body and its request end together, whichever ends first. */
function send<T>(
  connection: Connection,
  request: ReplyRequest<T>,
  body: Body,
  channel: OutboundChannel,
): void {
  const sending = sendBody(body, channel);
  sending.done.catch((error: unknown) => {
    // Not when the agent has ended it: then its reply tells why.
    connection.control(request, { control: 'cancel' });
    request.fail(error);
  });
  const stop = (): void => sending.stop();
  request.result.then(stop, stop);
}

async function* list(
  connection: Connection,
  path: Text,
  { recursive, signal }: RequestOptions & { readonly recursive?: boolean | undefined } = {},
): AsyncGenerator<FileStat, void, undefined> {
  signal?.throwIfAborted();
  const request = new ListRequest();
  connection.start(request, { op: 'list', ...named(path), recursive }, { stdout: {} });
  cancelOnAbort(connection, request, signal);
  try {
    for (let entries = await request.next(); entries !== undefined; entries = await request.next())
      yield* entries;
  } finally {
    connection.closeInbound(request, CHANNEL.stdout);
  }
}

function encodeOffset(value: number | undefined, name: string): number | undefined {
  return value === undefined ? undefined : encodeInteger(value, name, 0, Number.MAX_SAFE_INTEGER);
}

function encodeMode(mode: number | undefined): number | undefined {
  return mode === undefined ? undefined : encodeInteger(mode, 'mode', 0, 0o7777);
}

function named(path: Text): Message {
  return { path: encodeText(path, 'path') };
}

/** The promise may be looked at or not: it is nobody's unhandled rejection. */
function withProperty(stream: object, name: string, value: Promise<unknown>): object {
  return Object.defineProperty(stream, name, { value });
}
