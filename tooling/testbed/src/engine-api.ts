import { createReadStream, statSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { carries } from './labels.ts';

/**
 * The few calls of the Docker Engine API that a testbed needs, over a Unix socket. No client program has to be
 * installed for it, and engines with a compatible API (Podman) understand the same.
 */
export interface EngineApi {
  readonly socketPath: string;
  /** The engine's version, with a deadline. */
  version(options?: { readonly timeoutMs?: number }): Promise<string>;
  hasImage(name: string): Promise<boolean>;
  /** Fails when no part of the image has begun to arrive after `firstByteMs`, or all of it after `timeoutMs`. */
  pull(name: string, options: { firstByteMs: number; timeoutMs: number; signal: AbortSignal }): Promise<void>;
  /** Makes an image of a tar archive of a root file system; `changes` are Dockerfile lines. */
  importImage(name: string, archive: string, changes: readonly string[], signal: AbortSignal): Promise<void>;
  /** Names of running containers without this label. */
  runningWithout(label: string): Promise<string[]>;
  findLabelled(labels: readonly string[], options: { readonly remove: boolean }): Promise<string[]>;
}

/** The engine answered, and the answer was no. */
export class EngineApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly bodyFile?: string;
}

interface Labelled {
  readonly kind: string;
  /** What to list, and the path of one of them. */
  readonly list: string;
  readonly path: (name: string) => string;
  readonly nameOf: (item: Record<string, unknown>) => string;
}

const labelledKinds: readonly Labelled[] = [
  {
    kind: 'container',
    list: '/containers/json?all=true&',
    path: (name) => `/containers/${name}?force=true&v=true`,
    nameOf: containerName,
  },
  {
    kind: 'volume',
    list: '/volumes?',
    path: (name) => `/volumes/${name}?force=true`,
    nameOf: (item) => String(item.Name),
  },
  {
    kind: 'network',
    list: '/networks?',
    path: (name) => `/networks/${name}`,
    nameOf: (item) => String(item.Name),
  },
];

export function createEngineApi(socketPath: string): EngineApi {
  const call = (method: string, path: string, options: CallOptions = {}) =>
    callEngine(socketPath, method, path, options);

  async function json<T>(path: string, options?: CallOptions): Promise<T> {
    return JSON.parse(await text(await call('GET', path, { timeoutMs: 20_000, ...options }))) as T;
  }

  return {
    socketPath,

    async version({ timeoutMs = 5_000 } = {}) {
      const answer = await json<{ Version: string }>('/version', { timeoutMs });
      return answer.Version;
    },

    async hasImage(name) {
      try {
        await json(`/images/${name}/json`);
        return true;
      } catch (error) {
        if (error instanceof EngineApiError && error.status === 404) return false;
        throw error;
      }
    },

    async pull(name, { firstByteMs, timeoutMs, signal }) {
      const patience = new AbortController();
      const timer = setTimeout(
        () => patience.abort(new Error(`no answer in ${firstByteMs} ms`)),
        firstByteMs,
      );
      const all = AbortSignal.any([signal, patience.signal]);
      try {
        const answer = await call('POST', `/images/create?fromImage=${encodeURIComponent(name)}`, {
          timeoutMs,
          signal: all,
        });
        await readProgress(answer, () => clearTimeout(timer));
      } finally {
        clearTimeout(timer);
      }
    },

    async importImage(name, archive, changes, signal) {
      const colon = name.lastIndexOf(':');
      const query = new URLSearchParams({
        fromSrc: '-',
        repo: name.slice(0, colon),
        tag: name.slice(colon + 1),
      });
      for (const change of changes) query.append('changes', change);
      const answer = await call('POST', `/images/create?${query}`, {
        bodyFile: archive,
        signal,
        timeoutMs: 300_000,
      });
      await readProgress(answer);
    },

    async runningWithout(label) {
      const all = await json<Record<string, unknown>[]>('/containers/json');
      const [key = '', value] = label.split('=');
      return all
        .filter((item) => (item.Labels as Record<string, string> | null)?.[key] !== value)
        .map(containerName);
    },

    async findLabelled(labels, { remove }) {
      // The engine looks for the names, and knows no prefixes of values.
      const names = labels.map((label) => label.split('=')[0]);
      const filters = encodeURIComponent(JSON.stringify({ label: names }));
      const found: string[] = [];
      for (const { kind, list, path, nameOf } of labelledKinds) {
        const answer = await json<unknown>(`${list}filters=${filters}`);
        const items = Array.isArray(answer) ? answer : ((answer as { Volumes?: unknown[] }).Volumes ?? []);
        for (const item of items as Record<string, unknown>[]) {
          if (!carries(item.Labels as Record<string, unknown> | null, labels)) continue;
          const name = nameOf(item);
          found.push(`${kind} ${name}`);
          if (remove) await text(await call('DELETE', path(encodeURIComponent(name)), { timeoutMs: 60_000 }));
        }
      }
      return found;
    },
  };
}

function containerName(item: Record<string, unknown>): string {
  const names = item.Names as string[] | undefined;
  return names?.[0]?.replace(/^\//, '') ?? String(item.Id);
}

async function callEngine(
  socketPath: string,
  method: string,
  path: string,
  { timeoutMs, signal, bodyFile }: CallOptions,
): Promise<IncomingMessage> {
  const signals = [
    ...(signal === undefined ? [] : [signal]),
    ...(timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)]),
  ];
  const outgoing = request({
    socketPath,
    method,
    path,
    agent: false,
    signal: AbortSignal.any(signals),
    headers: {
      host: 'engine',
      ...(bodyFile === undefined
        ? {}
        : { 'content-type': 'application/x-tar', 'content-length': statSync(bodyFile).size }),
    },
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve);
    outgoing.on('error', reject);
  });
  if (bodyFile === undefined) outgoing.end();
  const [answer] = await Promise.all([
    answered,
    bodyFile === undefined ? undefined : pipeline(createReadStream(bodyFile), outgoing),
  ]);
  const status = answer.statusCode ?? 0;
  // 409 on removal: somebody else is removing it right now.
  if (status < 300 || (method === 'DELETE' && (status === 404 || status === 409))) return answer;
  throw new EngineApiError(status, messageOf(await text(answer)));
}

function messageOf(body: string): string {
  try {
    return (JSON.parse(body) as { message: string }).message;
  } catch {
    return body.trim();
  }
}

/** Reads lines of JSON to the end; the engine reports a failure in one of them, with status 200. */
async function readProgress(answer: IncomingMessage, onLayer?: () => void): Promise<void> {
  let rest = '';
  answer.setEncoding('utf8');
  for await (const chunk of answer as AsyncIterable<string>) {
    rest += chunk;
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.trim() === '') continue;
      const event = JSON.parse(line) as { id?: string; error?: string };
      if (event.error !== undefined) throw new Error(event.error);
      if (event.id !== undefined) onLayer?.();
    }
  }
  if (rest.trim() === '') return;
  const last = JSON.parse(rest) as { error?: string };
  if (last.error !== undefined) throw new Error(last.error);
}
