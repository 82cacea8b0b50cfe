import { lookup } from 'node:dns/promises';
import { createServer as createHttpServer, type Server } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { SandboxError } from '@sandbox/core';
import { isLoopback } from './access.ts';
import { createApp, describe } from './app.ts';
import { answerNonsense } from './nonsense.ts';
import { HttpError, problemResponse } from './problem.ts';
import { createService, type ServerOptions, type Service } from './service.ts';
import { serveTerminals } from './terminal.ts';

export interface ListenOptions {
  /** @default '127.0.0.1' */
  readonly host?: string | undefined;
  /** 0: any that is free. @default 7070 */
  readonly port?: number | undefined;
}

/** The service, ready to listen. */
export interface SandboxServer extends AsyncDisposable {
  /** Where it is then to be found, such as `http://127.0.0.1:7070`. `FAILED_PRECONDITION` for an address that others can reach while there are no keys. */
  listen(options?: ListenOptions): Promise<string>;
  /** Takes no more requests, ends what runs (SIGTERM, then SIGKILL), removes ephemeral sandboxes, keeps long-lived ones. */
  close(): Promise<void>;
  /** What `/openapi.json` says. */
  openApi(): object;
}

/** What a client may take to say what it wants. */
const HEADERS_MS = 10_000;
/** What a connection may take to be told of its end. */
const FLUSH_MS = 2_000;

export function createServer(options: ServerOptions): SandboxServer {
  const service = createService(options);
  const app = createApp(service);
  const { requestTimeoutMs } = service.limits;
  const http = createHttpServer(
    {
      requestTimeout: requestTimeoutMs,
      headersTimeout: Math.min(HEADERS_MS, requestTimeoutMs),
      connectionsCheckingInterval: 2_000,
      // One that is missing is refused by us, as every wrong one is.
      requireHostHeader: false,
    },
    getRequestListener(app.fetch, {
      overrideGlobalObjects: false,
      errorHandler: (error) => problemResponse(new HttpError('INVALID_ARGUMENT', (error as Error).message)),
    }),
  );
  http.on('clientError', answerNonsense);
  serveTerminals(http, service);
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= closeAll(service, http);
    return closed;
  };
  return {
    listen: (where) => listen(service, http, where),
    close,
    openApi: () => describe(app, service.version),
    [Symbol.asyncDispose]: close,
  };
}

async function listen(
  { access, log }: Service,
  http: Server,
  { host = '127.0.0.1', port = 7070 }: ListenOptions = {},
): Promise<string> {
  const address = await addressOf(host);
  if (access.keys.length === 0 && !isLoopback(address)) {
    throw new SandboxError(
      'FAILED_PRECONDITION',
      `${host} can be reached from other machines, and there are no API keys`,
      {
        operation: 'serve',
        hint: 'Make one with `sandbox keys add --user NAME`, or listen on 127.0.0.1.',
      },
    );
  }
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, address, () => {
      http.off('error', reject);
      resolve();
    });
  }).catch((cause: NodeJS.ErrnoException) => {
    throw new SandboxError('FAILED_PRECONDITION', `${host}:${port} cannot be listened on: ${cause.message}`, {
      operation: 'serve',
      hint: cause.code === 'EADDRINUSE' ? 'Choose another port with --port.' : undefined,
      cause,
    });
  });
  const bound = http.address() as AddressInfo;
  log.info({ address: bound.address, port: bound.port, docs: '/docs' }, 'listening');
  return `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`;
}

/** What a name stands for is decided once, so that what was looked at is what is listened on. */
async function addressOf(host: string): Promise<string> {
  const plain = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(plain) !== 0) return plain;
  try {
    return (await lookup(plain)).address;
  } catch (cause) {
    throw new SandboxError('INVALID_ARGUMENT', `there is no address ${JSON.stringify(host)} here`, {
      operation: 'serve',
      hint: 'Give an address of this machine, such as 127.0.0.1.',
      cause,
    });
  }
}

async function closeAll(service: Service, http: Server): Promise<void> {
  const wasListening = http.listening;
  if (wasListening) service.log.info({}, 'stopping');
  service.closing.abort(new SandboxError('UNAVAILABLE', 'the service is stopping', { operation: 'serve' }));
  const ended = new Promise<void>((resolve) => http.close(() => resolve()));
  http.closeIdleConnections();
  await service.life.close();
  const flush = setTimeout(() => http.closeAllConnections(), FLUSH_MS);
  await ended;
  clearTimeout(flush);
  if (wasListening) service.log.info({}, 'stopped');
}
