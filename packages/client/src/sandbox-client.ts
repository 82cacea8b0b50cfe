import { eventsOf } from './server-events.ts';
import { foreignAnswer, jsonOf, ServiceError } from './service-error.ts';
import type {
  CreateSandbox,
  Directory,
  Execute,
  File,
  Health,
  Problem,
  Result,
  Sandbox,
  Stats,
  StoredFile,
} from './types.ts';

export interface ClientOptions {
  /** Where the service is. @default 'http://127.0.0.1:7070' */
  readonly url?: string | undefined;
  /** As `sandbox keys add` prints it. Not needed over the loopback address while the service has none. */
  readonly key?: string | undefined;
  /** @default the global one */
  readonly fetch?: typeof fetch | undefined;
}

export interface CallOptions {
  /** Ends the request, and the command with it. */
  readonly signal?: AbortSignal | undefined;
}

/** What comes of a command while it runs: pieces of its output, and in the end its result. */
export type ExecutionEvent =
  | { readonly type: 'stdout' | 'stderr'; readonly text: string }
  | { readonly type: 'result'; readonly result: Result };

export type FileBody = ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | Blob;

interface Sent extends CallOptions {
  readonly json?: unknown;
  readonly body?: FileBody | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The sandbox service, route by route. Every method throws a `ServiceError` when the service refuses, or something else answers. */
export class SandboxClient {
  readonly #url: string;
  readonly #key: string | undefined;
  readonly #fetch: typeof fetch;

  constructor({ url = 'http://127.0.0.1:7070', key, fetch: given = fetch }: ClientOptions = {}) {
    this.#url = url.replace(/\/+$/, '');
    this.#key = key;
    // Without a receiver: browsers refuse to fetch for one that is not theirs.
    this.#fetch = (...parameters) => given(...parameters);
  }

  health(options?: CallOptions): Promise<Health> {
    return this.#json('GET', '/health', options);
  }

  /** Makes a sandbox with its files; executes nothing. */
  create(request: CreateSandbox, options?: CallOptions): Promise<Sandbox> {
    return this.#json('POST', '/sandbox', { ...options, json: request });
  }

  async list(options?: CallOptions): Promise<Sandbox[]> {
    const { sandboxes } = await this.#json<{ sandboxes: Sandbox[] }>('GET', '/sandbox', options);
    return sandboxes;
  }

  /** `NOT_FOUND` with status 410 and `lastResult` for an hour after it has gone. */
  get(id: string, options?: CallOptions): Promise<Sandbox> {
    return this.#json('GET', at(id), options);
  }

  /** Resolves when it is gone; success when it was. */
  async remove(id: string, options?: CallOptions): Promise<void> {
    await this.#send('DELETE', at(id), options);
  }

  stats(id: string, options?: CallOptions): Promise<Stats> {
    return this.#json('GET', `${at(id)}/stats`, options);
  }

  /** Runs code or a command to its end. An exit code other than 0 is a result. */
  async execute(id: string, request: Execute = {}, options?: CallOptions): Promise<Result> {
    // As a stream that is kept alive: Node and proxies give up an answer that does not begin within some minutes, and the command would end with it.
    const accept = 'text/event-stream; output=none';
    for await (const event of this.#events(id, request, { ...options, accept }))
      if (event.type === 'result') return event.result;
    throw new TypeError('the stream ended without a result');
  }

  /** The same, with its output as it comes. Leaving the loop ends the command. */
  stream(id: string, request: Execute = {}, options?: CallOptions): AsyncGenerator<ExecutionEvent> {
    return this.#events(id, request, { ...options, accept: 'text/event-stream' });
  }

  async *#events(
    id: string,
    request: Execute,
    { accept, ...options }: CallOptions & { readonly accept: string },
  ): AsyncGenerator<ExecutionEvent> {
    const sent = { ...options, json: request, headers: { accept } };
    const response = await this.#send('POST', `${at(id)}/execute`, sent);
    let end: Result | ServiceError | undefined;
    try {
      // To its last byte: a connection whose answer was not read to the end is not used again.
      for await (const { event, data } of eventsOf(bodyOf(response))) {
        const value = JSON.parse(data);
        if (event === 'stdout' || event === 'stderr') yield { type: event, text: value.text };
        else if (event === 'result') end = value as Result;
        else if (event === 'error') end = new ServiceError(value as Problem);
      }
    } catch (error) {
      if (end === undefined) throw error;
    }
    if (end === undefined) throw new TypeError('the stream ended without a result');
    if (end instanceof ServiceError) throw end;
    yield { type: 'result', result: end };
  }

  async putFiles(id: string, files: readonly File[], options?: CallOptions): Promise<StoredFile[]> {
    const sent = { ...options, json: files };
    return (await this.#json<{ files: StoredFile[] }>('POST', `${at(id)}/files`, sent)).files;
  }

  /** Unpacks a tar archive in `path`, by default `/sandbox`. */
  async putArchive(
    id: string,
    archive: FileBody,
    { path, ...options }: CallOptions & { readonly path?: string } = {},
  ): Promise<StoredFile[]> {
    const sent = { ...options, body: archive, headers: { 'content-type': 'application/x-tar' } };
    const query = path === undefined ? '' : `?path=${encodeURIComponent(path)}`;
    return (await this.#json<{ files: StoredFile[] }>('POST', `${at(id)}/files${query}`, sent)).files;
  }

  /** The bytes of a file. */
  async readFile(id: string, path: string, options?: CallOptions): Promise<ReadableStream<Uint8Array>> {
    const headers = { accept: 'application/octet-stream' };
    const response = await this.#send('GET', filesAt(id, path), { ...options, headers });
    if (isJson(response)) throw await unexpected(response, `${path} is a directory, and no file`);
    return bodyOf(response);
  }

  async listFiles(id: string, path = '.', options?: CallOptions): Promise<Directory> {
    const response = await this.#send('GET', filesAt(id, path), options);
    // The content of a file may look like a list: it is the guest's.
    if (!isJson(response)) throw await unexpected(response, `${path} is a file, and no directory`);
    return parsed(response);
  }

  /** A file or a directory as a tar archive. */
  async readArchive(id: string, path = '.', options?: CallOptions): Promise<ReadableStream<Uint8Array>> {
    const headers = { accept: 'application/x-tar' };
    return bodyOf(await this.#send('GET', filesAt(id, path), { ...options, headers }));
  }

  /** A file, or a directory with all that is in it. */
  async removeFiles(id: string, path: string, options?: CallOptions): Promise<void> {
    await this.#send('DELETE', filesAt(id, path), options);
  }

  async #json<T>(method: string, path: string, sent?: Sent): Promise<T> {
    return parsed(await this.#send(method, path, sent));
  }

  async #send(method: string, path: string, { json, body, headers, signal }: Sent = {}): Promise<Response> {
    // No URL has these as a part of its path: it would be the one above, or the list.
    const [, id] = /^\/sandbox\/(\.{0,2})(?![^/?])/.exec(path) ?? [];
    if (id !== undefined) throw new TypeError(`${JSON.stringify(id)} is not the id of a sandbox`);
    const response = await this.#fetch(this.#url + path, {
      method,
      // A service sends nobody elsewhere. Of a POST, fetch would make a GET.
      redirect: 'manual',
      headers: {
        ...(this.#key !== undefined && { authorization: `Bearer ${this.#key}` }),
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
      // A stream can be sent in one direction at a time only.
      ...(body !== undefined && { body, duplex: 'half' }),
      ...(signal !== undefined && { signal }),
    } as RequestInit);
    if (!response.ok) throw await ServiceError.of(response);
    return response;
  }
}

const at = (id: string) => `/sandbox/${encodeURIComponent(id)}`;
const filesAt = (id: string, path: string) => `${at(id)}/files?path=${encodeURIComponent(path)}`;

const isJson = ({ headers }: Response) => /^application\/json\b/.test(headers.get('content-type') ?? '');

async function parsed<T>(response: Response): Promise<T> {
  const answer = await jsonOf<T>(response);
  if (answer === undefined) throw foreignAnswer(response);
  return answer;
}

/** Something else is there than what was asked for. */
async function unexpected({ body }: Response, detail: string): Promise<ServiceError> {
  await body?.cancel();
  const problem = { type: 'about:blank', title: 'Conflict', status: 409, hint: null } as const;
  return new ServiceError({ ...problem, code: 'FAILED_PRECONDITION', detail });
}

function bodyOf({ body }: Response): ReadableStream<Uint8Array> {
  return body ?? new Blob([]).stream();
}
