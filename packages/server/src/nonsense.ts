import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { HttpError, problemOf } from './problem.ts';

const STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** What is no request, too large for one, or too slow, is answered where no route ever sees it. */
export function answerNonsense(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = STATUS[error.code ?? ''] ?? 400;
  writeProblem(
    socket,
    new HttpError('INVALID_ARGUMENT', STATUS_CODES[status] ?? 'this is no request', { status }),
  );
}

/** A problem document straight to a connection, which ends with it. */
export function writeProblem(socket: Duplex, error: unknown): void {
  const { problem, headers } = problemOf(error);
  const body = JSON.stringify(problem);
  const lines = Object.entries({
    ...headers,
    'content-type': 'application/problem+json',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${lines.join('')}\r\n${body}`);
}
