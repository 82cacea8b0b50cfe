import type { EngineClient } from './client.ts';
import { saysGone } from './errors.ts';
import { firstFile, type TarEntry, tarArchive } from './tar.ts';

interface Call {
  readonly operation: string;
  readonly sandbox: string;
  readonly signal?: AbortSignal | undefined;
}

export interface PathStat {
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  readonly isFile: boolean;
}

/** The engine's way to files of a container, which also works while that has never been started. */
export class ContainerArchive {
  readonly #client: EngineClient;
  readonly #call: Call;
  readonly #path: string;

  constructor(client: EngineClient, id: string, call: Call) {
    this.#client = client;
    this.#call = call;
    this.#path = `/containers/${encodeURIComponent(id)}/archive`;
  }

  async put(directory: string, entries: readonly TarEntry[]): Promise<void> {
    await this.#client.json({
      ...this.#call,
      method: 'PUT',
      path: this.#path,
      query: { path: directory, noOverwriteDirNonDir: 'true' },
      file: tarArchive(entries),
    });
  }

  async stat(path: string): Promise<PathStat | null> {
    try {
      const { headers } = await this.#client.head({
        ...this.#call,
        method: 'HEAD',
        path: this.#path,
        query: { path },
      });
      return parseStat(String(headers['x-docker-container-path-stat'] ?? ''));
    } catch (error) {
      if (saysGone(error)) return null;
      throw error;
    }
  }

  /** A regular file of at most `maxBytes`; null for anything else. */
  async get(path: string, maxBytes: number): Promise<{ mode: number; uid: number; content: Buffer } | null> {
    let chunks: Buffer[];
    try {
      const response = await this.#client.stream({
        ...this.#call,
        method: 'GET',
        path: this.#path,
        query: { path },
      });
      chunks = [];
      let size = 0;
      for await (const chunk of response as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > maxBytes + 8192) return null;
        chunks.push(chunk);
      }
    } catch (error) {
      if (saysGone(error)) return null;
      throw this.#client.error(error, this.#call);
    }
    return firstFile(Buffer.concat(chunks));
  }
}

/** Go's file modes: permission bits as in Unix, the type in the upper half. */
function parseStat(header: string): PathStat | null {
  if (header === '') return null;
  const { size, mode } = JSON.parse(Buffer.from(header, 'base64').toString('utf8')) as {
    size: number;
    mode: number;
  };
  return { size, mode: mode & 0o777, isFile: mode >>> 9 === 0 };
}
