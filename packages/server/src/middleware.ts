import type { IncomingMessage } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { ErrorCode } from '@sandbox/core';
import type { MiddlewareHandler } from 'hono';
import { authenticate } from './access.ts';
import { checkArrival, checkBodyType } from './guard.ts';
import { HttpError } from './problem.ts';
import { parseJson, readBody } from './read-body.ts';
import type { Service } from './service.ts';

export interface AppEnv {
  Bindings: HttpBindings;
  Variables: {
    /** Who asks. */
    user: string;
    /** Fires when the client has gone, or the service stops. */
    signal: AbortSignal;
    /** Its whole body. */
    bytes: Uint8Array<ArrayBuffer>;
    /** What a request goes on with after its answer has begun, such as a stream. */
    until: Promise<unknown> | undefined;
    /** Why it failed, if it did. */
    errorCode: ErrorCode | undefined;
  };
}

export type App = OpenAPIHono<AppEnv>;

export function countAnswers({ metrics }: Service): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    await next();
    metrics.answered(c.req.method, c.res.status);
    c.header('x-content-type-options', 'nosniff');
    // What was refused before it was read is not read: nobody is to use this connection again.
    if (!c.env.incoming.complete && c.res.status >= 400) c.header('connection', 'close');
  };
}

/** Asked again and again, by machines. */
const QUIET = new Set(['/health', '/metrics']);
/** Of a path that is logged. */
export const MOST_PATH = 200;

/** One line for each request. Of an address only the path: what is asked in it may be a file's name or a command. */
export function logRequests({ log }: Service): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const begun = performance.now();
    await next();
    const { method, path } = c.req;
    const { status } = c.res;
    const line = {
      ...{ method, path: path.slice(0, MOST_PATH), status },
      durationMs: Math.round(performance.now() - begun),
      user: c.get('user') ?? null,
      errorCode: c.get('errorCode') ?? null,
    };
    if (status >= 500) log.error(line, 'request');
    else if (status === 401 || status === 403 || status === 429) log.warn(line, 'request');
    else if (QUIET.has(path)) log.debug(line, 'request');
    else log.info(line, 'request');
  };
}

export function watchClient({ closing }: Service): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const gone = new AbortController();
    const { outgoing } = c.env;
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) gone.abort(new Error('the client has gone'));
    });
    c.set('signal', AbortSignal.any([gone.signal, closing.signal]));
    if (closing.signal.aborted) {
      throw new HttpError('UNAVAILABLE', 'the service is stopping', {
        headers: { 'retry-after': '5', connection: 'close' },
      });
    }
    await next();
  };
}

export function guard({ hosts }: Service): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const { localAddress } = c.env.incoming.socket;
    checkArrival({ hosts }, { host: c.req.header('host'), origin: c.req.header('origin'), localAddress });
    await next();
  };
}

export function authorize({ access, localUser }: Service): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const { localAddress } = c.env.incoming.socket;
    const authorization = c.req.header('authorization');
    c.set('user', authenticate(access, { authorization, localAddress }, localUser));
    await next();
  };
}

/** For requests that are work: waits for a place, and holds it until the answer is there, a stream's until its end. */
export function working({ work }: Service): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const leave = await work.enter(c.get('user'), c.get('signal'));
    try {
      await next();
    } finally {
      const until = c.get('until');
      if (until === undefined) leave();
      else void until.finally(leave);
    }
  };
}

/** Takes a body of these kinds only, which a page of somebody else cannot send unasked, and reads it as far as it may go. */
export function body({ limits }: Service, ...types: string[]): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const type = c.req.header('content-type');
    checkBodyType(type, types);
    const bytes = await readBody(c.env.incoming as IncomingMessage, limits.maxBodyBytes);
    c.set('bytes', bytes);
    if (type?.toLowerCase().startsWith('application/json')) {
      const value = parseJson(bytes);
      // Where the route's own check looks for it.
      c.req.bodyCache.json = Promise.resolve(value);
    }
    await next();
  };
}
