import { Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex, Readable } from 'node:stream';
import { inspect } from 'node:util';
import type Docker from 'dockerode';
import { Deadline } from './deadline.ts';
import type { EngineDialect } from './dialect.ts';
import { describeEndpoint, type EngineEndpoint } from './endpoint.ts';
import { deadlineError, type EngineErrorContext, toSandboxError } from './errors.ts';
import { Memo } from './memo.ts';
import { Turns } from './turns.ts';

export interface ApiRequest {
  /** In errors: `create`, `images.pull`. */
  readonly operation: string;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Absolute, each variable part through `encodeURIComponent`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number>> | undefined;
  readonly body?: object | undefined;
  /** In place of `body`: bytes to send. */
  readonly file?: Buffer | Readable | undefined;
  readonly sandbox?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Null: no limit of our own. Default: the client's. */
  readonly timeoutMs?: number | null | undefined;
  /** Does not keep Node alive, from its first moment on. */
  readonly background?: boolean | undefined;
}

export interface EngineClientOptions {
  readonly dialect: EngineDialect;
  /** Where the engine is; asked with the first call, because finding it may read files. */
  endpoint(): EngineEndpoint;
  /** Awaited before each call and before `endpoint` is asked: an adapter that starts its engine itself sees to it here that one runs. */
  ready?(): Promise<void>;
  /** Limit for a call that names none. */
  readonly callTimeoutMs: number;
  /** How many such calls may be in flight; more wait for their turn, and their time begins with it. Default: all. */
  readonly callsAtOnce?: number | undefined;
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const OK = { 101: true, 200: true, 201: true, 204: true, 304: true };

/**
 * dockerode behind the few calls that we need of it, each with a deadline, an AbortSignal and `SandboxError`s. It goes one level below dockerode's methods, to
 * `modem.dial`, because those send their options as a body, which one engine hands to the guest as its stdin.
 */
export class EngineClient {
  readonly dialect: EngineDialect;
  #endpoint: EngineEndpoint | undefined;
  readonly #options: EngineClientOptions;
  readonly #modems = { main: new Memo<Docker['modem']>(), background: new Memo<Docker['modem']>() };
  readonly #agents: HttpAgent[] = [];
  readonly #turns: Turns | undefined;

  constructor(options: EngineClientOptions) {
    if (options.callsAtOnce !== undefined) this.#turns = new Turns(options.callsAtOnce);
    this.#options = options;
    this.dialect = options.dialect;
  }

  /** Throws where there is no way to tell. */
  get endpoint(): EngineEndpoint {
    this.#endpoint ??= this.#options.endpoint();
    return this.#endpoint;
  }

  /** The answer's JSON; undefined where the answer has none. */
  async json<T>(request: ApiRequest): Promise<T> {
    return this.#within(request, async (deadline) => {
      const response = (await this.#dial(request, deadline, false)) as IncomingMessage;
      const text = (await deadline.race(readAll(response))).toString('utf8');
      return (text === '' ? undefined : JSON.parse(text)) as T;
    });
  }

  /** Status and headers of the answer, whose body is dropped. */
  async head(request: ApiRequest): Promise<{ status: number; headers: IncomingMessage['headers'] }> {
    return this.#within(request, async (deadline) => {
      const response = (await this.#dial(request, deadline, false)) as IncomingMessage;
      response.on('error', () => {}).resume();
      return { status: response.statusCode ?? 0, headers: response.headers };
    });
  }

  /** The answer's body, as it comes. The deadline ends with the headers; the caller's signal goes on to hold. */
  async stream(request: ApiRequest): Promise<IncomingMessage> {
    const response = (await this.#within(request, (deadline) =>
      this.#dial(request, deadline, false),
    )) as IncomingMessage;
    const { signal } = request;
    if (signal) {
      const onAbort = () => response.destroy(deadlineError(this.#context(request), 'aborted', null));
      signal.addEventListener('abort', onAbort, { once: true });
      response.once('close', () => signal.removeEventListener('abort', onAbort));
    }
    return response;
  }

  /** The raw connection of an attach or exec, in both directions; neither deadline nor signal touch it once it stands. */
  async hijack(request: ApiRequest): Promise<Duplex> {
    return (await this.#within(request, (deadline) => this.#dial(request, deadline, true))) as Duplex;
  }

  error(error: unknown, request: Pick<ApiRequest, 'operation' | 'sandbox'>): Error {
    return toSandboxError(error, this.#context(request));
  }

  close(): void {
    for (const agent of this.#agents) agent.destroy();
  }

  async #within<T>(request: ApiRequest, work: (deadline: Deadline) => Promise<T>): Promise<T> {
    const timeoutMs = request.timeoutMs === undefined ? this.#options.callTimeoutMs : request.timeoutMs;
    const deadline = new Deadline(request.signal);
    // What has a limit of its own, or none, may wait for something to happen.
    let turns = request.timeoutMs === undefined ? this.#turns : undefined;
    try {
      await turns?.take(deadline).catch((error) => {
        turns = undefined;
        throw error;
      });
      deadline.start(timeoutMs);
      return await work(deadline);
    } catch (error) {
      const context = this.#context(request);
      if (deadline.cause) throw deadlineError(context, deadline.cause, timeoutMs);
      throw toSandboxError(error, context);
    } finally {
      turns?.giveBack(deadline.cause === 'timeout' && timeoutMs !== null ? timeoutMs : undefined);
      deadline.clear();
    }
  }

  async #dial(request: ApiRequest, deadline: Deadline, hijack: boolean): Promise<IncomingMessage | Duplex> {
    checkPath(request.path);
    if (this.#options.ready) await deadline.race(this.#options.ready());
    const modem = await this.#modem(request.background === true);
    deadline.signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage | Duplex>();
    const options = {
      path: request.query ? `${request.path}?` : request.path,
      method: request.method,
      options: { _query: request.query ?? {}, _body: request.body ?? {} },
      // An empty file means "Content-Length: 0": no body that could become the guest's stdin.
      ...(request.file !== undefined && { file: request.file }),
      ...(hijack && request.body === undefined && { file: Buffer.alloc(0) }),
      ...(hijack && { hijack: true }),
      isStream: true,
      statusCodes: OK,
      abortSignal: brief(deadline.signal),
    };
    modem.dial(options as never, (error: unknown, result: unknown) => {
      if (error) reject(error);
      else if (deadline.cause) (result as Duplex).destroy();
      else resolve(result as IncomingMessage | Duplex);
    });
    return deadline.race(promise);
  }

  #context({ operation, sandbox }: Pick<ApiRequest, 'operation' | 'sandbox'>): EngineErrorContext {
    const endpoint = this.#endpoint && describeEndpoint(this.#endpoint);
    return { dialect: this.dialect, endpoint, operation, sandbox };
  }

  /** Loaded with the first call: dockerode takes 70 ms to import, and reads the environment when constructed. */
  #modem(background: boolean): Promise<Docker['modem']> {
    return this.#modems[background ? 'background' : 'main'].get(() => this.#connect(background));
  }

  async #connect(background: boolean): Promise<Docker['modem']> {
    const { default: Dockerode } = await import('dockerode');
    const { endpoint } = this;
    const tls = endpoint.type === 'tcp' ? endpoint.tls : undefined;
    const agent = brief(tls ? tlsAgent(tls.verify, background) : plainAgent(background));
    this.#agents.push(agent);
    // Everything is given, so that nothing of DOCKER_HOST and its like is taken up behind our back.
    return new Dockerode({
      socketPath: endpoint.type === 'unix' ? endpoint.socketPath : undefined,
      host: endpoint.type === 'tcp' ? endpoint.host : undefined,
      port: endpoint.type === 'tcp' ? endpoint.port : undefined,
      protocol: tls ? 'https' : 'http',
      pathPrefix: '/',
      ca: tls?.ca,
      cert: tls?.cert,
      key: tls?.key,
      timeout: undefined,
      agent,
    } as Docker.DockerOptions).modem;
  }
}

/** docker-modem prints the options of each request for its debug log, whether that is on or not: these, with all that hangs on them, take longer than the call. */
function brief<T extends HttpAgent | AbortSignal>(option: T): T {
  return Object.defineProperty(option, inspect.custom, {
    configurable: true,
    value: () => option.constructor.name,
  });
}

/** A connection for each call: over a local socket it costs 0.1 ms, and none is left over that an engine could have dropped. */
function plainAgent(background: boolean): HttpAgent {
  return background ? detach(new HttpAgent({ keepAlive: false })) : new HttpAgent({ keepAlive: false });
}

function tlsAgent(verify: boolean, background: boolean): HttpAgent {
  const agent = new HttpsAgent({ keepAlive: false, rejectUnauthorized: verify });
  return background ? detach(agent) : agent;
}

function detach<A extends HttpAgent>(agent: A): A {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const socket = connect(options, callback);
    (socket as { unref?: () => void } | null | undefined)?.unref?.();
    return socket;
  };
  return agent;
}

/** An engine redirects a path with empty or dotted parts to what is left of it, and docker-modem follows: such a name is the name of nothing. */
function checkPath(path: string): void {
  if (!/\/(\.{0,2})(\/|$)/.test(decodeURIComponent(path))) return;
  throw Object.assign(new Error(`there is nothing at ${path}`), { statusCode: 404 });
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error('the engine answered with more than 64 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
