import type { Connection } from './connection.ts';
import type { DetachedRecord, GuestDetached, GuestLogs, LogsRequest, LogsSummary } from './detached.ts';
import { commandFields, parseStatus } from './exec-message.ts';
import { CHANNEL } from './frames.ts';
import { call } from './guest-files.ts';
import type { InboundSink } from './inbound-channel.ts';
import {
  arrayOf,
  booleanOf,
  encodeInteger,
  encodeMs,
  invalid,
  type Message,
  numberOf,
  numberOrNull,
  objectOf,
  stringOf,
  textOf,
} from './message.ts';
import { printable } from './printable.ts';
import { ReplyRequest } from './request.ts';

const KEY = /^[A-Za-z0-9_-]{43}$/;

/** Detached commands over a connection. `key` is what the sandbox's main process was given: 32 bytes in base64url. */
export function createGuestDetached(connection: Connection, key: string): GuestDetached {
  const fields = (more: () => Message) => (): Message => ({ key: encodeKey(key), ...more() });
  return {
    start: (request, { signal } = {}) =>
      call(
        connection,
        'detach',
        fields(() => commandFields(request)),
        parseRecord,
        signal,
      ),
    list: ({ signal } = {}) =>
      call(
        connection,
        'detached',
        fields(() => ({})),
        parseRecords,
        signal,
      ),
    get: (id, { signal } = {}) =>
      call(
        connection,
        'detached',
        fields(() => named(id)),
        parseOne,
        signal,
      ),
    wait: (id, { signal } = {}) =>
      call(
        connection,
        'detached-wait',
        fields(() => named(id)),
        parseRecord,
        signal,
      ),
    signal(id, number, { signal } = {}) {
      const message = fields(() => ({ ...named(id), signal: encodeInteger(number, 'signal', 1, 64) }));
      return call(connection, 'detached-kill', message, parseRecord, signal);
    },
    kill(id, { graceMs, signal } = {}) {
      const message = fields(() => ({ ...named(id), graceMs: encodeMs(graceMs, 'graceMs') }));
      return call(connection, 'detached-kill', message, parseRecord, signal);
    },
    logs: (id, request = {}) =>
      logs(
        connection,
        fields(() => ({ ...named(id), follow: request.follow === true ? true : undefined })),
        request,
      ),
  };
}

function logs(connection: Connection, fields: () => Message, request: LogsRequest): GuestLogs {
  const running = new ReplyRequest<LogsSummary>('detached-logs', parseSummary);
  try {
    connection.start(
      running,
      { op: 'detached-logs', ...fields() },
      {
        stdout: { sink: sinkOf(request.onStdout?.bind(request)) },
        stderr: { sink: sinkOf(request.onStderr?.bind(request)) },
      },
    );
  } catch (error) {
    running.fail(error);
  }
  return {
    done: running.result,
    close() {
      connection.closeInbound(running, CHANNEL.stdout);
      connection.closeInbound(running, CHANNEL.stderr);
    },
  };
}

function sinkOf(chunk: InboundSink['chunk'] | undefined): InboundSink | undefined {
  return chunk && { chunk, end: () => {} };
}

function encodeKey(key: string): string {
  if (!KEY.test(key)) throw invalid('the key of the main process is not 32 bytes in base64url');
  return Buffer.from(key, 'base64url').toString('base64');
}

/** Of any text that somebody may have typed, only an id comes as far as the guest. */
function named(id: string): Message {
  if (typeof id !== 'string' || !/^[A-Za-z0-9-]{1,64}$/.test(id)) {
    throw invalid(`${JSON.stringify(id)?.slice(0, 80)} is not the id of a detached command`);
  }
  return { id };
}

function parseRecord(message: Message): DetachedRecord {
  const { status } = message;
  return {
    id: printable(stringOf(message, 'id'), 64),
    argv: arrayOf(message, 'argv').map((argument) => textOf({ argument }, 'argument')),
    argvTruncated: booleanOf(message, 'argvTruncated'),
    pid: numberOrNull(message, 'pid'),
    startedMs: numberOf(message, 'startedMs'),
    endedMs: numberOrNull(message, 'endedMs'),
    stdoutBytes: numberOf(message, 'stdoutBytes'),
    stderrBytes: numberOf(message, 'stderrBytes'),
    status: status === null || status === undefined ? null : parseStatus(objectOf(status, 'status')),
  };
}

function parseRecords(message: Message): readonly DetachedRecord[] {
  return arrayOf(message, 'commands').map((command) => parseRecord(objectOf(command, 'a command')));
}

function parseOne(message: Message): DetachedRecord {
  const [record] = parseRecords(message);
  return record ?? parseRecord({});
}

function parseSummary(message: Message): LogsSummary {
  return {
    ...parseRecord(message),
    stdoutMissed: numberOf(message, 'stdoutMissed'),
    stderrMissed: numberOf(message, 'stderrMissed'),
  };
}
