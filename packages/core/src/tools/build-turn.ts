import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { registryFile } from '../naming/state-directory.ts';
import { lockFile } from '../sqlite/file-lock.ts';

const PAUSE_MS = 200;

/**
 * Keeps programs of one user apart that install development tools: each would fetch all of them, and only one's image gets the name. Waits as long as the signal lets it, for the other one may be
 * at it for minutes. Gives what ends the turn.
 */
export async function takeBuild(signal: AbortSignal, onWait: () => void): Promise<() => void> {
  for (let isFirst = true; ; isFirst = false) {
    const release = attempt(join(dirname(registryFile()), 'tools.lock'));
    if (release !== undefined) return release;
    if (isFirst) onWait();
    await sleep(PAUSE_MS, undefined, { signal });
  }
}

/** Where there can be no lock, it goes on without one: what is built twice is only slow. */
function attempt(file: string): (() => void) | undefined {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    return lockFile(file);
  } catch {
    return () => {};
  }
}
