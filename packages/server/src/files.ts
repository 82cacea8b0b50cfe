import { posix } from 'node:path';
import { GUEST_SCRATCH, type Sandbox } from '@sandbox/core';
import { Parser, type ReadEntry } from 'tar';
import { HttpError } from './problem.ts';
import { type FileInput, MAX_FILES, MAX_PATH_DEPTH, MAX_PATH_LENGTH, type StoredFile } from './schemas.ts';

const MAX_NAME_BYTES = 255;
/** How gzip and zstd begin. */
const COMPRESSED = [Buffer.from([0x1f, 0x8b]), Buffer.from([0x28, 0xb5, 0x2f, 0xfd])];

/** A file that is to be written, checked. */
export interface NewFile {
  /** As it was given. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly isExecutable: boolean;
}

/** Checks a path: relative ones stay under `/sandbox`, and none is longer or deeper than it may be. What it leads to is for the guest to say. Pure. */
export function checkPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const reason = whyNot(path, parts);
  if (reason === null) return path;
  throw new HttpError('INVALID_ARGUMENT', `the path ${JSON.stringify(shortened(path))} ${reason}`, {
    hint: 'Give a path relative to /sandbox, such as src/main.sh, or an absolute one.',
  });
}

function whyNot(path: string, parts: readonly string[]): string | null {
  if (path === '' || path.includes('\0')) return 'is empty or has a NUL byte in it';
  if (!path.isWellFormed()) return 'is not Unicode';
  if (Buffer.byteLength(path) > MAX_PATH_LENGTH) return `is longer than ${MAX_PATH_LENGTH} bytes`;
  if (parts.length > MAX_PATH_DEPTH) return `has more than ${MAX_PATH_DEPTH} directories`;
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES))
    return `has a name of more than ${MAX_NAME_BYTES} bytes`;
  if (!path.startsWith('/') && parts.includes('..')) return 'is relative and leads out of /sandbox';
  return null;
}

const shortened = (text: string) => (text.length > 100 ? `${text.slice(0, 100)}…` : text);

/** Where a path of a request leads in the guest: relative ones start where the sandbox's commands do, if that is `/sandbox`. */
export function guestPath({ workdir }: Pick<Sandbox, 'workdir'>, path: string): string {
  const checked = checkPath(path);
  return checked.startsWith('/') || workdir === GUEST_SCRATCH ? checked : posix.join(GUEST_SCRATCH, checked);
}

/** Decodes what a request has. Pure. */
export function newFile({ path, content, encoding = 'utf8', is_executable = false }: FileInput): NewFile {
  checkPath(path);
  if (path.endsWith('/')) throw invalid(`the path ${JSON.stringify(shortened(path))} is one of a directory`);
  const bytes = Buffer.from(content, encoding);
  // Node passes over what does not belong there.
  if (encoding === 'base64' && bytes.toString('base64') !== content)
    throw invalid(`the content of ${shortened(path)} is not base64`);
  if (encoding === 'utf8' && !content.isWellFormed())
    throw invalid(`the content of ${shortened(path)} is not Unicode`);
  return { path, content: bytes, isExecutable: is_executable };
}

/** Writes them one after the other. What is there under that name is replaced, and never written through: it may be a link. */
export async function storeFiles(
  sandbox: Sandbox,
  files: readonly NewFile[],
  signal: AbortSignal,
): Promise<StoredFile[]> {
  const stored: StoredFile[] = [];
  for (const { path, content, isExecutable } of files) {
    const target = guestPath(sandbox, path);
    await sandbox.files.remove(target, { force: true, signal });
    await sandbox.files.write(target, content, { mode: isExecutable ? 0o755 : 0o644, signal });
    stored.push({ path, sizeBytes: content.length, is_executable: isExecutable });
  }
  return stored;
}

/** Reads only what an archive is about to make, and refuses what would be too much or lie elsewhere. The guest's agent checks again while it unpacks. */
export async function checkArchive(archive: Uint8Array): Promise<StoredFile[]> {
  const files: StoredFile[] = [];
  let entries = 0;
  let failure: unknown;
  // What reads it would unpack it first, here and at one go, whatever it comes to.
  if (COMPRESSED.some((start) => start.equals(archive.subarray(0, start.length)))) {
    throw new HttpError('INVALID_ARGUMENT', 'the archive is compressed', {
      hint: 'Send it as plain tar, without gzip or zstd.',
    });
  }
  const read = (entry: ReadEntry) => {
    try {
      entries += 1;
      if (entries > MAX_FILES) throw invalid(`the archive has more than ${MAX_FILES} entries`);
      if (entry.path.startsWith('/')) throw invalid(`the archive's ${shortened(entry.path)} is absolute`);
      checkPath(entry.path);
      if (entry.type === 'File' || entry.type === 'OldFile') {
        const is_executable = ((entry.mode ?? 0) & 0o100) !== 0;
        files.push({ path: entry.path, sizeBytes: entry.size, is_executable });
      }
    } catch (error) {
      failure ??= error;
    }
    entry.resume();
  };
  await new Promise<void>((resolve, reject) => {
    const parser = new Parser({ strict: true, brotli: false, zstd: false, onReadEntry: read });
    parser.on('end', resolve);
    parser.on('error', (error: Error) => reject(invalid(`the body is no tar archive: ${error.message}`)));
    parser.end(Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength));
  });
  if (failure !== undefined) throw failure;
  return files;
}

function invalid(message: string): HttpError {
  return new HttpError('INVALID_ARGUMENT', message);
}
