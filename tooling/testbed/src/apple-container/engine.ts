import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';

// An import would look at all of its exports, and one of them loads a whole browser's fetch: half of this program's life.
const { request } = process.getBuiltinModule('node:http');

/** The engine answered, and the answer was no. */
export class EngineError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** On everything that the double makes in the engine; nothing else is ever looked at. */
export const LABEL_DOUBLE = 'io.fake-container';
/** The whole configuration, as JSON: what real containers keep in files of the service. */
export const LABEL_CONFIGURATION = 'io.fake-container.configuration';
/** Of containers and volumes in the engine, so that none of another program's is met. */
export const NAME_PREFIX = 'fake-container-';

const headers = (body: object | undefined) => {
  const data = body === undefined ? '' : JSON.stringify(body);
  return {
    data,
    headers: {
      host: 'engine',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(data),
    },
  };
};

/** Docker's API, as far as the double needs it. */
export class Engine {
  readonly #socketPath: string;

  constructor(socketPath: string | undefined) {
    if (socketPath === undefined) throw new Error('the double needs a Docker engine on this machine');
    this.#socketPath = socketPath;
  }

  async json<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await text(await this.answer(method, path, body));
    return (answer === '' ? undefined : JSON.parse(answer)) as T;
  }

  answer(method: string, path: string, body?: object): Promise<IncomingMessage> {
    const { data, ...rest } = headers(body);
    return new Promise((resolve, reject) => {
      const call = request({ socketPath: this.#socketPath, method, path, agent: false, ...rest });
      call.on('error', reject).on('response', (response) => {
        const status = response.statusCode ?? 0;
        if (status < 400) resolve(response);
        else text(response).then((message) => reject(new EngineError(status, messageOf(message))), reject);
      });
      call.end(data);
    });
  }

  /** Sends a body of bytes. */
  upload(path: string, body: AsyncIterable<Uint8Array>): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const call = request({
        socketPath: this.#socketPath,
        method: 'POST',
        path,
        agent: false,
        headers: { host: 'engine', 'content-type': 'application/x-tar' },
      });
      call.on('error', reject).on('response', resolve);
      (async () => {
        for await (const chunk of body) call.write(chunk);
        call.end();
      })().catch(reject);
    });
  }

  /** The connection itself, once the engine has given it up to a process. */
  hijack(path: string, body?: object): Promise<Duplex> {
    const { data, ...rest } = headers(body);
    return new Promise((resolve, reject) => {
      const call = request({
        socketPath: this.#socketPath,
        method: 'POST',
        path,
        agent: false,
        headers: { ...rest.headers, connection: 'Upgrade', upgrade: 'tcp' },
      });
      call.on('error', reject);
      call.on('upgrade', (_response, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      call.on('response', (response) => {
        text(response).then(
          (message) => reject(new EngineError(response.statusCode ?? 0, messageOf(message))),
          reject,
        );
      });
      call.end(data);
    });
  }
}

/** The value of a `filters` parameter. */
export function onlyOurs(): string {
  return encodeURIComponent(JSON.stringify({ label: [`${LABEL_DOUBLE}=1`] }));
}

function messageOf(body: string): string {
  try {
    return (JSON.parse(body) as { message: string }).message;
  } catch {
    return body.trim();
  }
}
