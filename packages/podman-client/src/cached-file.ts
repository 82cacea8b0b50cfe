import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { homeDirectory } from '@sandbox/core';

/**
 * Path of a file with this text in this user's cache, for Podman to read. It stays: helper processes of Podman look at it when a container ends, which may be
 * long after the end of this program. Undefined where nothing can be written.
 */
export function cachedFile(name: string, text: string): string | undefined {
  const cache = process.env.XDG_CACHE_HOME ?? '';
  const directory = join(isAbsolute(cache) ? cache : join(homeDirectory(), '.cache'), 'sandbox');
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const file = join(directory, name.replace('*', digest));
  try {
    if (existsSync(file) && readFileSync(file, 'utf8') === text) return file;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.${process.pid}`, text, { mode: 0o600 });
    renameSync(`${file}.${process.pid}`, file);
    return file;
  } catch {
    return undefined;
  }
}
