import type { ReadableStream } from 'node:stream/web';
import type { Text } from './text.ts';

/** Stops one request. What it rejects with is the signal's reason. */
export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Bytes for the guest: all at once, or as they come. They are pulled no faster than the guest takes them. */
export type Body = Uint8Array | string | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string>;

export type FileType = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'device';

export interface FileStat {
  readonly name: Text;
  /** As it was asked for, joined with the names below it. */
  readonly path: Text;
  readonly type: FileType;
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeMs: number;
  readonly dev: number;
  readonly ino: number;
  readonly nlink: number;
  /** Of a symlink: where it points. */
  readonly target?: Text;
}

/** A file's bytes. Reading fails with the `GuestError` that stopped the agent; `cancel` stops it early. */
export interface GuestReadStream extends ReadableStream<Uint8Array> {
  /** The agent's count of the bytes, known when the stream has ended. Never an unhandled rejection. */
  readonly size: Promise<number>;
}

/** A tar archive's bytes. */
export interface GuestTarStream extends ReadableStream<Uint8Array> {
  /** Known when the stream has ended. Never an unhandled rejection. */
  readonly summary: Promise<TarSummary>;
}

export interface TarSummary {
  readonly entries: number;
  readonly bytes: number;
}

export interface ReadOptions extends RequestOptions {
  readonly offset?: number | undefined;
  readonly length?: number | undefined;
}

export interface WriteOptions extends RequestOptions {
  /** Permission bits. */
  readonly mode?: number | undefined;
  /** Makes the directories above it. */
  readonly parents?: boolean | undefined;
  /** Refuses a file that exists, with `ALREADY_EXISTS`. */
  readonly exclusive?: boolean | undefined;
  readonly append?: boolean | undefined;
}

/**
 * Files in the guest's own view, as the agent's user. Relative paths start at the agent's working directory.
 * Everything rejects with `GuestError`.
 */
export interface GuestFiles {
  read(path: Text, options?: ReadOptions): GuestReadStream;
  /** Resolves with the number of bytes written. When `body` fails, the write is cancelled and rejects with its error. */
  write(path: Text, body: Body, options?: WriteOptions): Promise<number>;
  /** In the order of the bytes of their names; symlinks are not followed. Leaving the loop stops the request. */
  list(
    path: Text,
    options?: RequestOptions & { readonly recursive?: boolean | undefined },
  ): AsyncIterable<FileStat>;
  stat(path: Text, options?: RequestOptions & { readonly follow?: boolean | undefined }): Promise<FileStat>;
  mkdir(
    path: Text,
    options?: RequestOptions & { readonly parents?: boolean | undefined; readonly mode?: number | undefined },
  ): Promise<void>;
  /** With `force`, what is not there counts as removed. Symlinks are removed, not followed. */
  remove(
    path: Text,
    options?: RequestOptions & {
      readonly recursive?: boolean | undefined;
      readonly force?: boolean | undefined;
    },
  ): Promise<void>;
  rename(
    from: Text,
    to: Text,
    options?: RequestOptions & { readonly overwrite?: boolean | undefined },
  ): Promise<void>;
  /** Unpacks a tar archive into a directory. An entry that would land outside of it refuses the archive. */
  tarIn(
    path: Text,
    body: Body,
    options?: RequestOptions & { readonly parents?: boolean | undefined },
  ): Promise<TarSummary>;
  /** Packs a directory's contents, or only the named entries, or a single file. */
  tarOut(
    path: Text,
    options?: RequestOptions & { readonly names?: readonly Text[] | undefined },
  ): GuestTarStream;
}
