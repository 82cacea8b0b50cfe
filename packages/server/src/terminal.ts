import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { z } from '@hono/zod-openapi';
import { type Command, type CommandResult, GUEST_SCRATCH } from '@sandbox/core';
import { type WebSocket, WebSocketServer } from 'ws';
import { authenticate } from './access.ts';
import type { Box } from './box.ts';
import { guestPath } from './files.ts';
import { boxOf } from './find.ts';
import { checkArrival } from './guard.ts';
import { writeProblem } from './nonsense.ts';
import { HttpError, invalidRequest, problemOf } from './problem.ts';
import type { Service } from './service.ts';
import { tellExecution } from './tell-execution.ts';

const MAX_MESSAGE_BYTES = 1024 * 1024;
/** A connection that does not answer for so long is gone. */
const ALIVE_MS = 30_000;

const side = z.coerce.number().int().min(1).max(65_535);
/** What is asked for in the address. */
export const terminalQuery = z.object({
  command: z.string().min(1).default('sh'),
  rows: side.default(24),
  columns: side.default(80),
  cwd: z.string().min(1).optional(),
});
/** What a client says in a text message. */
const control = z.strictObject({ type: z.literal('resize'), rows: side, columns: side });

/** Terminals over WebSockets: binary messages are what is typed and shown, text messages are JSON. */
export function serveTerminals(http: Server, service: Service): void {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
  });
  http.on('upgrade', (request, socket, head) => {
    // Unheard, the error of a client that has gone would end the process.
    socket.on('error', () => {});
    const upgrade = { request, socket, head };
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      passOver(http, upgrade);
      return;
    }
    accept(service, sockets, upgrade).catch((error) => refuse(service, upgrade, error));
  });
}

interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/**
 * As if the offer of another protocol had not been made, which a service may pass over: Java's own client offers HTTP/2 with each request. To Node, HTTP is over on this connection.
 */
function passOver(http: Server, { request, socket, head }: Upgrade): void {
  const { method, url, httpVersion, rawHeaders } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (!/^(connection|upgrade|http2-settings)$/i.test(name)) lines.push(`${name}: ${rawHeaders[at + 1]}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  http.emit('connection', socket);
}

async function accept(
  service: Service,
  sockets: WebSocketServer,
  { request, socket, head }: Upgrade,
): Promise<void> {
  const { access, localUser, hosts, work, closing } = service;
  const { host, origin, authorization } = request.headers;
  const { localAddress } = request.socket;
  checkArrival({ hosts }, { host, origin, localAddress });
  const user = authenticate(access, { authorization, localAddress }, localUser);
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://service');
  const id = /^\/sandbox\/([^/]+)\/terminal$/.exec(pathname)?.[1];
  if (id === undefined) throw new HttpError('NOT_FOUND', `there is no terminal at ${pathname}`);
  const query = terminalQuery.safeParse(Object.fromEntries(searchParams));
  if (!query.success) throw invalidRequest(query.error);
  const gone = new AbortController();
  socket.once('close', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, closing.signal]);
  const leave = await work.enter(user, signal);
  try {
    const box = await boxOf(service, user, decodeURIComponent(id));
    await service.life.use(box, signal, async (ended) => {
      const command = await start(service, box, query.data, ended);
      let client: WebSocket | undefined;
      sockets.handleUpgrade(request, socket, head, (opened) => {
        client = opened;
      });
      if (client === undefined) {
        // It was no handshake, which has been answered, or its client has gone.
        await command.kill().catch(() => {});
        throw new HttpError('INVALID_ARGUMENT', 'this is no handshake of a WebSocket');
      }
      await converse(client, command);
      await tellEnd(service, box, command);
    });
    if (!box.kept) await service.life.remove(box);
  } finally {
    leave();
  }
}

async function tellEnd(service: Service, box: Box, command: Command): Promise<void> {
  try {
    tellExecution(service, box, { ...(await command.wait()), terminal: true });
  } catch (error) {
    tellExecution(service, box, { errorCode: problemOf(error).problem.code, terminal: true });
  }
}

function start(
  { limits: { graceMs } }: Service,
  { facts: { sandbox }, purpose }: Box,
  { command, rows, columns, cwd = GUEST_SCRATCH }: z.infer<typeof terminalQuery>,
  signal: AbortSignal,
): Promise<Command> {
  const where = cwd === sandbox.workdir ? undefined : guestPath(sandbox, cwd);
  return sandbox.spawn([command], { cwd: where, terminal: { rows, columns }, signal, graceMs, purpose });
}

/** Until the command has ended; when the client goes, it is ended. */
async function converse(client: WebSocket, command: Command): Promise<void> {
  let heard = true;
  const alive = setInterval(() => {
    if (!heard) client.terminate();
    heard = false;
    client.ping();
  }, ALIVE_MS);
  client.on('pong', () => {
    heard = true;
  });
  client.on('error', () => {});
  listen(client, command);
  try {
    for await (const chunk of command.stdout) await send(client, chunk);
    const result = await command.wait();
    await send(client, JSON.stringify(endOf(result)));
    client.close(1000);
  } catch {
    // Nobody is there any more.
    client.terminate();
    await command.kill().catch(() => {});
  } finally {
    clearInterval(alive);
  }
}

function endOf({ ending, exitCode, signal }: CommandResult) {
  return { type: 'end', ending, exitCode, signal };
}

/** What comes is passed on one after the other; a command that does not read holds up its client. */
function listen(client: WebSocket, command: Command): void {
  const stdin = command.stdin.getWriter();
  client.on('message', (data: Buffer, isBinary) => {
    client.pause();
    const taken = isBinary ? stdin.write(new Uint8Array(data)) : obey(command, data);
    taken.then(
      () => client.resume(),
      (error: Error) => {
        client.resume();
        // What is typed into a command that has ended is lost, as it is on any terminal.
        if (!isBinary) client.close(1008, error.message.slice(0, 100));
      },
    );
  });
}

async function obey(command: Command, data: Buffer): Promise<void> {
  let said: unknown;
  try {
    said = JSON.parse(data.toString());
  } catch {
    throw new Error('a text message is JSON; what is typed is sent as a binary one');
  }
  const { success, data: resize } = control.safeParse(said);
  if (!success) throw new Error('known messages: {"type":"resize","rows":24,"columns":80}');
  await command.resize(resize);
}

function send(client: WebSocket, data: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    client.send(data, (error) => (error == null ? resolve() : reject(error)));
  });
}

/** Before there is a WebSocket, an answer is one of HTTP. */
function refuse(
  { onError, metrics, log }: Service,
  { request, socket }: Pick<Upgrade, 'request' | 'socket'>,
  error: unknown,
): void {
  const { problem } = problemOf(error);
  // What is asked for stands in the address.
  const secrets = [request.url?.split('?')[1] ?? '', request.headers.authorization ?? ''];
  if (problem.code === 'UNKNOWN') onError(error, 'a terminal', secrets.filter(Boolean));
  if (!socket.writable) return;
  metrics.answered('GET', problem.status);
  log.warn({ status: problem.status, errorCode: problem.code }, 'terminal refused');
  writeProblem(socket, error);
}
