import { createRoute, z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { Box } from '../box.ts';
import { type Execution, execute } from '../execute.ts';
import { boxOf } from '../find.ts';
import { type App, type AppEnv, body, working } from '../middleware.ts';
import { HttpError, problemOf } from '../problem.ts';
import { secretsOf } from '../redact.ts';
import { executeSchema, idParameter, type Result, resultSchema } from '../schemas.ts';
import type { Service } from '../service.ts';
import { tellExecution } from '../tell-execution.ts';
import { terminalQuery } from '../terminal.ts';
import { problems } from './described.ts';

/** Something is sent this often, so that a connection that is broken is noticed. */
const KEEP_ALIVE_MS = 15_000;

const events = `Events: \`stdout\` and \`stderr\` with \`{ "text": … }\` as it comes, then one \`result\`, or one \`error\` with a problem document.`;

export function addExecute(app: App, service: Service): void {
  const { life, limits, checkCode } = service;
  app.openapi(
    createRoute({
      method: 'post',
      path: '/sandbox/{id}/execute',
      operationId: 'execute',
      summary: 'Run code or a command',
      description: `Without \`code\` and \`command\`, the code that the sandbox was created with. With \`Accept: text/event-stream\` output comes live; with \`; output=none\` after it only the end is told, and the connection kept alive until then. ${events} A client that goes away ends its command.`,
      middleware: [working(service), body(service, 'application/json')] as MiddlewareHandler<AppEnv>[],
      request: {
        params: idParameter,
        body: { required: true, content: { 'application/json': { schema: executeSchema } } },
      },
      responses: {
        200: {
          description: 'How it ended. An exit code other than 0 is a result too.',
          content: {
            'application/json': { schema: resultSchema },
            'text/event-stream': { schema: z.string().openapi({ description: events }) },
          },
        },
        ...problems,
      },
    }),
    async (c) => {
      const box = await boxOf(service, c.get('user'), c.req.valid('param').id);
      const request = c.req.valid('json');
      const { graceMs } = limits;
      const run = async (more: Partial<Execution> = {}) => {
        const signal = c.get('signal');
        return told(service, box, () => execute(box, { life, request, checkCode, graceMs, signal, ...more }));
      };
      const [live, silent] =
        /\btext\/event-stream\b(\s*;\s*output=none\b)?/i.exec(c.req.header('accept') ?? '') ?? [];
      if (live === undefined) return c.json(await run(), 200);
      const secrets = secretsOf([request, { code: box.facts.code }]);
      return stream(c, service, { box, run, secrets, silent: silent !== undefined }) as never;
    },
  );
}

/** With its place in the counts and in the log, however it goes. */
async function told(service: Service, box: Box, run: () => Promise<Result>): Promise<Result> {
  try {
    const result = await run();
    tellExecution(service, box, result);
    return result;
  } catch (error) {
    tellExecution(service, box, { errorCode: problemOf(error).problem.code });
    throw error;
  }
}

const terminal = createRoute({
  method: 'get',
  path: '/sandbox/{id}/terminal',
  operationId: 'openTerminal',
  summary: 'A terminal, over a WebSocket',
  description:
    'Binary messages are what is typed and what is shown. Text messages are JSON: `{"type":"resize","rows":24,"columns":80}` from the client, and one `{"type":"end","ending":…,"exitCode":…,"signal":…}` from the service. The command ends with its connection.',
  request: { params: idParameter, query: terminalQuery },
  responses: { 101: { description: 'The connection is a WebSocket from now on.' }, ...problems },
});

/** Those who ask for a WebSocket are answered elsewhere; these have not. */
export function addTerminal(app: App): void {
  app.openAPIRegistry.registerPath(terminal);
  app.get(terminal.getRoutingPath(), () => {
    throw new HttpError('INVALID_ARGUMENT', 'a terminal is a WebSocket', {
      status: 426,
      headers: { upgrade: 'websocket', connection: 'upgrade' },
    });
  });
}

type Run = (more?: Partial<Execution>) => Promise<Result>;

interface Streamed {
  readonly box: Box;
  readonly run: Run;
  /** What of the request must not get into a log. */
  readonly secrets: readonly string[];
  /** Whether only the end is told. */
  readonly silent: boolean;
}

function stream(c: Context<AppEnv>, service: Service, { box, run, secrets, silent }: Streamed): Response {
  return streamSSE(c, async (sse) => {
    const over = Promise.withResolvers<void>();
    c.set('until', over.promise);
    const send = (event: string, data: unknown) => sse.writeSSE({ event, data: JSON.stringify(data) });
    const alive = setInterval(() => void sse.write(': alive\n\n'), KEEP_ALIVE_MS);
    const stdout = decoder((text) => send('stdout', { text }));
    const stderr = decoder((text) => send('stderr', { text }));
    try {
      const result = await run(silent ? {} : { onStdout: stdout.push, onStderr: stderr.push });
      await stdout.end();
      await stderr.end();
      await send('result', result);
    } catch (error) {
      const { problem } = problemOf(error);
      if (problem.code === 'UNKNOWN') service.onError(error, `execute in ${box.id}`, secrets);
      await send('error', problem);
    } finally {
      clearInterval(alive);
      over.resolve();
    }
  });
}

/** Text of a stream of bytes: characters that are cut in two by a chunk's end are whole again. */
function decoder(send: (text: string) => Promise<void>) {
  const decode = new TextDecoder('utf-8', { ignoreBOM: true });
  const tell = async (text: string) => {
    if (text !== '') await send(text);
  };
  return {
    push: (chunk: Uint8Array) => tell(decode.decode(chunk, { stream: true })),
    end: () => tell(decode.decode()),
  };
}
