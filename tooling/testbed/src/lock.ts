import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stateDirectory } from './places.ts';
import { identify, isAlive, type ProcessIdentity } from './process-record.ts';
import type { Progress } from './progress.ts';

/**
 * One `up` or `down` at a time: two would start two daemons on one socket. The lock of a process that is gone
 * does not count.
 */
export async function withLock<T>(
  progress: Progress,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const path = join(stateDirectory(), 'lock');
  if (!tryLock(path)) {
    await progress.step('another run of the testbed is at work, waiting for it', async () => {
      while (!tryLock(path)) await sleep(200, undefined, { signal });
    });
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function tryLock(path: string): boolean {
  try {
    writeFileSync(path, JSON.stringify(identify(process.pid) ?? { pid: process.pid }), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const holder = readHolder(path);
  if (holder !== undefined && !isAlive(holder)) rmSync(path, { force: true });
  return false;
}

function readHolder(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
  } catch {
    // Just being written, or just gone.
    return undefined;
  }
}
