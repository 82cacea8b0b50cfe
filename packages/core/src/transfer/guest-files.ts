import type { FileStat as GuestFileStat, GuestFiles, GuestSession, Text } from '@sandbox/guest';
import { readLimited } from '../command/byte-limit.ts';
import type { ByteStream } from '../command/types.ts';
import type { ErrorContext } from '../errors/error-context.ts';
import { toSandboxError } from '../errors/guest-errors.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { download } from './download.ts';
import type { FileContent, FileStat, SandboxFiles, TransferOptions } from './files.ts';
import { upload } from './upload.ts';

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
/** The last time that a Date can be. A file's may be later. */
const LATEST_MS = 8.64e15;

/** Where files go through: the session of the sandbox's own user. */
export interface FilesSource {
  readonly context: Omit<ErrorContext, 'operation'>;
  session(signal: AbortSignal | undefined): GuestSession | Promise<GuestSession>;
}

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Files of one sandbox, over its session. */
export class SandboxFilesOverSession implements SandboxFiles {
  readonly #source: FilesSource;

  constructor(source: FilesSource) {
    this.#source = source;
  }

  read(path: string, options: { offset?: number; length?: number; signal?: AbortSignal } = {}) {
    return this.#call('read', [path], options, async (files) => {
      const stream = files.read(path, options);
      return this.#stream('read', stream, options.signal);
    });
  }

  readBytes(path: string, options: { maxBytes?: number; signal?: AbortSignal } = {}) {
    const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    return this.#call('read', [path], options, (files) =>
      readLimited(files.read(path, { signal: options.signal }), maxBytes, path),
    );
  }

  async readText(path: string, options: { maxBytes?: number; signal?: AbortSignal } = {}) {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(await this.readBytes(path, options));
  }

  async write(
    path: string,
    content: FileContent,
    options: { mode?: number; append?: boolean; exclusive?: boolean; signal?: AbortSignal } = {},
  ): Promise<void> {
    checkContent(content);
    await this.#call('write', [path], options, (files) =>
      files.write(path, content, { mode: 0o644, parents: true, ...options }),
    );
  }

  list(
    path: string,
    {
      maxEntries = Number.POSITIVE_INFINITY,
      ...options
    }: { recursive?: boolean; maxEntries?: number; signal?: AbortSignal } = {},
  ) {
    return this.#call('list', [path], options, async (files) => {
      const entries: FileStat[] = [];
      for await (const entry of files.list(path, options)) {
        if (entries.length >= maxEntries)
          throw new SandboxError('RESOURCE_EXHAUSTED', `${path} has more than ${maxEntries} entries`);
        entries.push(toFileStat(entry));
      }
      return entries;
    });
  }

  stat(path: string, options: { follow?: boolean; signal?: AbortSignal } = {}) {
    return this.#call('stat', [path], options, async (files) => toFileStat(await files.stat(path, options)));
  }

  async exists(path: string, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.stat(path, options.signal ? { signal: options.signal } : {});
      return true;
    } catch (error) {
      if (SandboxError.is(error) && error.code === 'NOT_FOUND') return false;
      throw error;
    }
  }

  mkdir(path: string, options: { mode?: number; signal?: AbortSignal } = {}) {
    return this.#call('mkdir', [path], options, (files) => files.mkdir(path, { ...options, parents: true }));
  }

  remove(path: string, options: { recursive?: boolean; force?: boolean; signal?: AbortSignal } = {}) {
    return this.#call('remove', [path], options, (files) => files.remove(path, options));
  }

  rename(from: string, to: string, options: { overwrite?: boolean; signal?: AbortSignal } = {}) {
    return this.#call('rename', [from, to], options, (files) => files.rename(from, to, options));
  }

  upload(hostPath: string, guestPath: string, options: TransferOptions = {}) {
    return this.#call('upload', [guestPath], options, (files) => upload(files, hostPath, guestPath, options));
  }

  download(guestPath: string, hostPath: string, options: TransferOptions = {}) {
    return this.#call('download', [guestPath], options, (files) =>
      download(files, guestPath, hostPath, options),
    );
  }

  unpack(path: string, archive: FileContent, options: CallOptions = {}) {
    checkContent(archive);
    return this.#call('unpack', [path], options, (files) =>
      files.tarIn(path, archive, { ...options, parents: true }),
    );
  }

  pack(path: string, options: { names?: readonly string[]; signal?: AbortSignal } = {}): Promise<ByteStream> {
    return this.#call('pack', [path, ...(options.names ?? [])], options, async (files) => {
      const stream = files.tarOut(path, options);
      return this.#stream('pack', stream, options.signal);
    });
  }

  async #call<T>(
    operation: string,
    paths: readonly string[],
    { signal }: CallOptions,
    work: (files: GuestFiles) => Promise<T>,
  ): Promise<T> {
    const context = { ...this.#source.context, operation: `files.${operation}` };
    for (const path of paths) checkPath(path, context);
    try {
      const session = await this.#source.session(signal);
      signal?.throwIfAborted();
      return await work(session.files);
    } catch (error) {
      throw toSandboxError(error, context, signal);
    }
  }

  /** The first bytes are waited for, so that a file that is not there is an error of the call and not of the stream. */
  async #stream(
    operation: string,
    stream: ReadableStream<Uint8Array>,
    signal: AbortSignal | undefined,
  ): Promise<ByteStream> {
    const context = { ...this.#source.context, operation: `files.${operation}` };
    const reader = stream.getReader();
    let first: Awaited<ReturnType<typeof reader.read>> | undefined = await reader.read();
    const source = {
      async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
        try {
          const { done, value } = first ?? (await reader.read());
          first = undefined;
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          controller.error(toSandboxError(error, context, signal));
        }
      },
      cancel: (reason: unknown) => reader.cancel(reason),
    };
    return new ReadableStream<Uint8Array>(source, { highWaterMark: 0 }) as ByteStream;
  }
}

function toFileStat(stat: GuestFileStat): FileStat {
  return {
    name: lenient(stat.name),
    path: lenient(stat.path),
    type: stat.type,
    sizeBytes: stat.size,
    mode: stat.mode,
    uid: stat.uid,
    gid: stat.gid,
    modifiedAt: new Date(Math.min(Math.max(stat.mtimeMs, -LATEST_MS), LATEST_MS)),
    ...(stat.target !== undefined && { target: lenient(stat.target) }),
  };
}

function lenient(text: Text): string {
  return typeof text === 'string' ? text : new TextDecoder().decode(text);
}

function checkPath(path: unknown, context: ErrorContext): void {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return;
  const what =
    typeof path !== 'string' ? 'is not a string' : path === '' ? 'is empty' : 'contains a NUL byte';
  throw new SandboxError('INVALID_ARGUMENT', `the path ${what}`, context);
}

function checkContent(content: unknown): void {
  if (typeof content === 'string' || content instanceof Uint8Array) return;
  if (typeof content === 'object' && content !== null) {
    if ('getReader' in content || Symbol.asyncIterator in content) return;
  }
  throw new SandboxError(
    'INVALID_ARGUMENT',
    'the content is not a string, bytes, a stream or an async iterable',
    {
      operation: 'files.write',
    },
  );
}
