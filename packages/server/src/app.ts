import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { docsPage } from './docs-page.ts';
import {
  type App,
  type AppEnv,
  authorize,
  countAnswers,
  guard,
  logRequests,
  MOST_PATH,
  watchClient,
} from './middleware.ts';
import { HttpError, invalidRequest, problemOf, problemResponse } from './problem.ts';
import { secretsOf } from './redact.ts';
import { addExecute, addTerminal } from './routes/execute.ts';
import { addFiles } from './routes/files.ts';
import { addSandboxes } from './routes/sandboxes.ts';
import { addService } from './routes/service.ts';
import type { Service } from './service.ts';
import { describeError, isForOperators } from './service-log.ts';

/** All routes of the service. */
export function createApp(service: Service): App {
  const app: App = new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalidRequest(result.error);
    },
  });
  app.use(logRequests(service), countAnswers(service), watchClient(service), guard(service));
  app.onError((error, c) => answerError(service, error, c));
  app.notFound((c) => {
    c.set('errorCode', 'NOT_FOUND');
    return problemResponse(
      new HttpError('NOT_FOUND', `there is nothing at ${c.req.method} ${c.req.path}`, {
        hint: 'GET /openapi.json lists what there is, GET /docs shows it.',
      }),
    );
  });
  addService(app, service);
  app.use('/sandbox', authorize(service));
  app.use('/sandbox/*', authorize(service));
  addSandboxes(app, service);
  addFiles(app, service);
  addExecute(app, service);
  addTerminal(app);
  addDescription(app, service);
  return app;
}

function addDescription(app: App, { version }: Service): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'key', {
    type: 'http',
    scheme: 'bearer',
    description:
      'A key as `sandbox keys add` prints it. Not needed on the loopback address while there are no keys.',
  });
  app.get('/openapi.json', (c) => c.json(describe(app, version)));
  app.get('/docs', (c) => {
    c.header(
      'content-security-policy',
      "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    );
    return c.html(docsPage(describe(app, version)));
  });
}

/** The OpenAPI document. */
export function describe(app: App, version: string): ReturnType<App['getOpenAPI31Document']> {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Sandbox service',
      version,
      description: 'Makes sandboxes, puts files into them, executes code in them, and removes them.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    security: [{ key: [] }],
  });
}

function answerError(service: Service, error: unknown, c: Context<AppEnv>): Response {
  const known = knownError(service, error, c.get('signal'));
  const { problem } = problemOf(known);
  c.set('errorCode', problem.code);
  const what = `${c.req.method} ${c.req.path.slice(0, MOST_PATH)}`;
  if (problem.code === 'UNKNOWN') service.onError(error, what, secretsOfRequest(c));
  else if (isForOperators(known))
    service.log.warn({ what, error: describeError(error, secretsOfRequest(c)) }, 'unavailable');
  return problemResponse(known);
}

/** What of it must not get into a log. */
function secretsOfRequest(c: Context<AppEnv>): string[] {
  const headers = ['authorization', 'cookie', 'x-api-key'].map((name) => c.req.header(name) ?? '');
  const isJson = c.req.header('content-type')?.toLowerCase().startsWith('application/json');
  let body: unknown;
  try {
    if (isJson) body = JSON.parse(new TextDecoder().decode(c.get('bytes')));
  } catch {
    // It was no JSON, and has been refused for that.
  }
  return [...headers.filter((value) => value !== ''), ...secretsOf(body)];
}

function knownError({ closing }: Service, error: unknown, signal: AbortSignal | undefined): unknown {
  if (error instanceof HTTPException) return fromHono(error);
  // Nobody hears this any more: it is for the counts alone.
  if (signal?.aborted && !closing.signal.aborted && !(error instanceof HttpError))
    return new HttpError('DEADLINE_EXCEEDED', 'the client has gone', { status: 408 });
  return error;
}

function fromHono(error: HTTPException): HttpError {
  return new HttpError(error.status < 500 ? 'INVALID_ARGUMENT' : 'UNKNOWN', error.message || 'bad request', {
    status: error.status,
  });
}
