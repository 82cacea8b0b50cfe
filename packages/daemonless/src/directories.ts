import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Makes a directory and those above it. The caller's umask does not matter. */
export function makeSearchable(path: string): void {
  const first = mkdirSync(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) chmodSync(made, 0o711);
}

/** Makes a directory that this user alone may enter, in one that all may. */
export function makePrivate(path: string): void {
  makeSearchable(dirname(path));
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** Makes a directory with an owner and a mode, also below ones that are not there. */
export function makeOwned(path: string, mode: number, owner: { uid: number; gid: number }): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
  if (process.getuid?.() === 0) chownSync(path, owner.uid, owner.gid);
}

/** Makes a file that means "mine"; false when another has it. */
export function claim(path: string, content = ''): boolean {
  try {
    writeFileSync(path, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

export function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Whole or not at all, whoever reads meanwhile; with `flush` also after a loss of power, which costs a turn of the disk. */
export function writeJson(path: string, value: unknown, { flush = false } = {}): void {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, JSON.stringify(value), { mode: 0o600, flush });
  renameSync(draft, path);
}

export function listed(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Another program may still write a note into what is being removed: then it is looked at again. A guest may have locked directories that now are an ordinary user's
 * to remove, or have made them so deep that no path is long enough: `chmod` and `rm` go from directory to directory by their handles.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 10 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'ENAMETOOLONG') throw error;
    // What it could not unlock is told by the one that removes.
    await run('chmod', ['-Rf', 'u+rwX', '--', path]).catch(() => undefined);
    await run('rm', ['-rf', '--', path]);
  }
}
