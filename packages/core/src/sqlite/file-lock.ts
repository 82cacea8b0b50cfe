import { rmSync, writeFileSync } from 'node:fs';
import { nodeSqlite } from './node-sqlite.ts';
import { faultOf } from './sqlite-faults.ts';

export interface FileLockOptions {
  /** Any number may have it shared, and then nobody alone. @default false */
  readonly shared?: boolean;
  /** How long others are waited for, and with it the whole program. @default 0 */
  readonly busyMs?: number;
}

/**
 * A lock that the kernel takes back however its holder ends: SQLite's, on an empty database. Gives what releases it; undefined while others have it. Throws where no such file can be: its directory is not
 * there, or may not be written.
 */
export function lockFile(
  path: string,
  { shared = false, busyMs = 0 }: FileLockOptions = {},
): (() => void) | undefined {
  make(path);
  const database = new (nodeSqlite().DatabaseSync)(path);
  try {
    database.exec(`PRAGMA busy_timeout = ${busyMs}`);
    database.exec(shared ? 'BEGIN; SELECT 1 FROM sqlite_schema' : 'BEGIN EXCLUSIVE');
    return () => database.close();
  } catch (error) {
    database.close();
    const fault = faultOf(error);
    // Somebody has written to it.
    if (fault === 'damaged') rmSync(path, { force: true });
    if (fault === 'damaged' || fault === 'busy') return undefined;
    throw error;
  }
}

/** Never opens one that is there: to close it again would drop this program's own locks on it. */
function make(path: string): void {
  try {
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
