import type { ByteStream } from '../command/types.ts';

export interface FileStat {
  /** Last component, decoded leniently. */
  readonly name: string;
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'device';
  readonly sizeBytes: number;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedAt: Date;
  /** Of a symlink. */
  readonly target?: string;
}

/** What a transfer has moved: so far, or in all. */
export interface Transferred {
  /** Files, directories and links. */
  readonly entries: number;
  /** Of the files' contents. */
  readonly bytes: number;
}

export interface TransferOptions {
  readonly signal?: AbortSignal;
  /** Called again and again while it goes on. */
  readonly onProgress?: (sofar: Transferred) => void;
}

export type FileContent = string | Uint8Array | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Files in the guest, in its own view and with the rights of the sandbox's user. A relative path starts at the sandbox's
 * working directory. Missing files are `NOT_FOUND`, forbidden ones `PERMISSION_DENIED`.
 */
export interface SandboxFiles {
  read(
    path: string,
    options?: { offset?: number; length?: number; signal?: AbortSignal },
  ): Promise<ByteStream>;
  /** At most `maxBytes` (64 MiB), else `RESOURCE_EXHAUSTED`. */
  readBytes(path: string, options?: { maxBytes?: number; signal?: AbortSignal }): Promise<Uint8Array>;
  /** The same, decoded as UTF-8; what is not valid becomes U+FFFD. */
  readText(path: string, options?: { maxBytes?: number; signal?: AbortSignal }): Promise<string>;
  /** Replaces the content; makes missing parent directories. `mode` is for a new file (0o644). */
  write(
    path: string,
    content: FileContent,
    options?: { mode?: number; append?: boolean; exclusive?: boolean; signal?: AbortSignal },
  ): Promise<void>;
  /** More than `maxEntries` are `RESOURCE_EXHAUSTED`: what is in a directory is for the guest to decide. Default: as many as there are. */
  list(
    path: string,
    options?: { recursive?: boolean; maxEntries?: number; signal?: AbortSignal },
  ): Promise<FileStat[]>;
  stat(path: string, options?: { follow?: boolean; signal?: AbortSignal }): Promise<FileStat>;
  exists(path: string, options?: { signal?: AbortSignal }): Promise<boolean>;
  /** Makes missing parents too; success when it is there as a directory. */
  mkdir(path: string, options?: { mode?: number; signal?: AbortSignal }): Promise<void>;
  /** A directory that is not empty needs `recursive`. `force`: what is not there is a success. Symlinks are not followed. */
  remove(
    path: string,
    options?: { recursive?: boolean; force?: boolean; signal?: AbortSignal },
  ): Promise<void>;
  rename(from: string, to: string, options?: { overwrite?: boolean; signal?: AbortSignal }): Promise<void>;
  /** Copies a host file or directory into the guest, as the guest's user; host symlinks are copied as symlinks. */
  upload(hostPath: string, guestPath: string, options?: TransferOptions): Promise<Transferred>;
  /**
   * Copies a guest file or directory to the host. What comes is hostile: entries that would land outside of `hostPath`, devices, FIFOs and links that point out of it
   * are refused, nothing there is followed, `hostPath` itself included, and set-id bits and owners are dropped.
   */
  download(guestPath: string, hostPath: string, options?: TransferOptions): Promise<Transferred>;
  /** A tar stream in, and out. */
  unpack(path: string, archive: FileContent, options?: { signal?: AbortSignal }): Promise<Transferred>;
  pack(path: string, options?: { names?: readonly string[]; signal?: AbortSignal }): Promise<ByteStream>;
}
