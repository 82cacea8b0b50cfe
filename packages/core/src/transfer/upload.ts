import type { Dirent } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { lstat } from 'node:fs/promises';
import { basename, dirname, posix, resolve } from 'node:path';
import type { GuestFiles } from '@sandbox/guest';
import { SandboxError } from '../errors/sandbox-error.ts';
import type { TransferOptions, Transferred } from './files.ts';
import { HostDirectory } from './host-directory.ts';
import { onHost } from './host-errors.ts';
import { TarWriter } from './tar-writer.ts';
import { TransferTally } from './transfer-tally.ts';

/** Files that are read at the same time, and how much of each at once. */
const AHEAD = 8;
const PIECE = 256 * 1024;
const PERMISSIONS = 0o777;

/**
 * Copies a file, a directory's contents or a link to this path in the guest. Sockets, FIFOs and devices are left out. Links are copied and never followed: what
 * a guest puts into its workspace while we read must not bring other files of the host into it.
 */
export async function upload(
  files: GuestFiles,
  hostPath: string,
  guestPath: string,
  { signal, onProgress }: TransferOptions = {},
): Promise<Transferred> {
  const path = resolve(hostPath);
  const stats = await onHost(path, () => lstat(path));
  const tally = new TransferTally(onProgress);
  const tar = new TarWriter(tally);
  if (stats.isDirectory()) {
    await files.tarIn(guestPath, packDirectory(path, tar), { parents: true, signal });
  } else {
    // Alone, it gets its new name in the archive.
    const target = posix.normalize(guestPath);
    const entry = packSingle(path, posix.basename(target), tar);
    await files.tarIn(posix.dirname(target), entry, { parents: true, signal });
  }
  return tally.total;
}

async function* packDirectory(path: string, tar: TarWriter): AsyncGenerator<Uint8Array> {
  const root = await onHost(path, () => HostDirectory.openItself(path));
  try {
    yield* packEntries(root, '', tar);
  } finally {
    await root.close();
  }
  tar.end();
  yield tar.take();
}

async function* packSingle(path: string, name: string, tar: TarWriter): AsyncGenerator<Uint8Array> {
  const parent = await onHost(path, () => HostDirectory.open(dirname(path)));
  try {
    const dirent = (await parent.entries()).find((entry) => entry.name === basename(path));
    const opened = dirent && (await onHost(path, () => prepare(parent, dirent)));
    if (opened === undefined || opened.kind === 'directory') {
      throw new SandboxError('FAILED_PRECONDITION', `${path} is no file, directory or link`);
    }
    yield* pack(opened, name, tar);
  } finally {
    await parent.close();
  }
  tar.end();
  yield tar.take();
}

async function* packEntries(
  directory: HostDirectory,
  prefix: string,
  tar: TarWriter,
): AsyncGenerator<Uint8Array> {
  const entries = await onHost(prefix || '.', () => directory.entries());
  for (let start = 0; start < entries.length; start += AHEAD) {
    const batch = entries.slice(start, start + AHEAD);
    const prepared = batch.map((entry) => onHost(prefix + entry.name, () => prepare(directory, entry)));
    // Whichever fails, the others' files are closed too.
    const settled = await Promise.allSettled(prepared);
    try {
      for (const [index, entry] of batch.entries()) {
        const source = await (prepared[index] as Promise<Source | undefined>);
        if (source !== undefined) yield* pack(source, prefix + entry.name, tar);
      }
    } finally {
      await Promise.all(
        settled.map((result) => (result.status === 'fulfilled' ? closeSource(result.value) : undefined)),
      );
    }
  }
}

type Source =
  | { readonly kind: 'directory'; readonly directory: HostDirectory }
  | { readonly kind: 'link'; readonly target: string }
  | {
      readonly kind: 'file';
      file: FileHandle | undefined;
      readonly size: number;
      readonly mode: number;
      readonly mtime: Date;
      readonly first: Uint8Array;
    };

/** Opens what is there, and reads the first piece of a file, which mostly is all of it. */
async function prepare(directory: HostDirectory, entry: Dirent): Promise<Source | undefined> {
  const { name } = entry;
  if (name.includes('\ufffd')) {
    throw new SandboxError(
      'INVALID_ARGUMENT',
      `the name ${JSON.stringify(name)} on the host is not valid UTF-8`,
    );
  }
  if (entry.isDirectory()) return { kind: 'directory', directory: await directory.directory(name) };
  if (entry.isSymbolicLink()) return { kind: 'link', target: await directory.link(name) };
  if (!entry.isFile()) return undefined;
  const file = await directory.read(name);
  try {
    const { size, mode, mtime } = await file.stat();
    const first = new Uint8Array(Math.min(size, PIECE));
    await readFully(file, first, name);
    if (size > first.length) return { kind: 'file', file, size, mode, mtime, first };
    await file.close();
    return { kind: 'file', file: undefined, size, mode, mtime, first };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function closeSource(source: Source | undefined): Promise<void> {
  if (source?.kind === 'directory') await source.directory.close();
  if (source?.kind === 'file') {
    await source.file?.close();
    source.file = undefined;
  }
}

async function* pack(source: Source, path: string, tar: TarWriter): AsyncGenerator<Uint8Array> {
  if (source.kind === 'directory') {
    tar.header({ path: `${path}/`, type: 'Directory', mode: 0o755 });
    yield* packEntries(source.directory, `${path}/`, tar);
  } else if (source.kind === 'link') {
    tar.header({ path, type: 'SymbolicLink', mode: PERMISSIONS, linkpath: source.target });
  } else {
    const { file, size, mode, mtime, first } = source;
    tar.header({ path, type: 'File', mode: mode & PERMISSIONS, mtime, size });
    tar.content(first);
    for (let read = first.length; file !== undefined && read < size; ) {
      yield tar.take();
      const piece = new Uint8Array(Math.min(size - read, PIECE));
      await readFully(file, piece, path);
      tar.content(piece);
      read += piece.length;
    }
    tar.pad(size);
  }
  if (tar.full) yield tar.take();
}

/** A file has the size that its header says, or the archive makes no sense. */
async function readFully(file: FileHandle, target: Uint8Array, path: string): Promise<void> {
  for (let offset = 0; offset < target.length; ) {
    const { bytesRead } = await file.read(target, offset, target.length - offset);
    if (bytesRead === 0) {
      throw new SandboxError('FAILED_PRECONDITION', `${path} became shorter while it was read`);
    }
    offset += bytesRead;
  }
}
