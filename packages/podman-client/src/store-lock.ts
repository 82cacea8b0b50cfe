import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { abortError, lockFile, SandboxError } from '@sandbox/core';
import type { ImageTurn } from '@sandbox/docker-api';

/** How long others are waited for. A removal takes a second; that images are built for longer is no reason to hang. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 50;
/** A wait that a person notices. */
const LONG_MS = 1_000;

/**
 * Keeps programs of ours apart that change the images of one store: where one is removed while another is built, Podman 4.3 fails at either, or keeps an image that it can no longer read. Any number may add
 * images at once, which does no harm; who removes one does so alone. Gives what ends the turn.
 */
export async function takeStore(
  runRoot: string | undefined,
  ...[what, { operation, signal, onWait }]: Parameters<ImageTurn>
): Promise<() => void> {
  if (runRoot === undefined) return () => {};
  // There is one run root for each store, whoever's state directory is where. It is empty after a reboot.
  const file = join(runRoot, 'sandbox-images.lock');
  const since = performance.now();
  let tell = onWait;
  for (let isFirst = true; ; isFirst = false) {
    // Who removes many leaves those a moment who wait to add one.
    if (!isFirst || what === 'remove') await pause(operation, signal);
    const release = attempt(file, what === 'add');
    if (release !== undefined) return release;
    const waited = performance.now() - since;
    if (waited > PATIENCE_MS) throw tooLong(what, operation);
    if (waited < LONG_MS) continue;
    tell?.();
    tell = undefined;
  }
}

/** Where there can be no lock, as Podman is on another machine or its store another user's, it goes on without one: most changes meet nobody. */
function attempt(file: string, shared: boolean): (() => void) | undefined {
  try {
    return lockFile(file, { shared });
  } catch {
    return () => {};
  }
}

/** Not all at the same moment. */
async function pause(operation: string, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(PAUSE_MS * (0.5 + Math.random()), undefined, { signal });
  } catch (error) {
    if (!signal?.aborted) throw error;
    throw abortError(signal, operation, { runtime: 'podman' });
  }
}

function tooLong(what: 'add' | 'remove', operation: string): SandboxError {
  const [others, then] = what === 'add' ? ['removing', 'built'] : ['building', 'removed'];
  return new SandboxError(
    'DEADLINE_EXCEEDED',
    `other programs have been ${others} images on Podman for ${PATIENCE_MS / 1000} s, and none can be ${then} meanwhile`,
    { operation, runtime: 'podman', hint: 'Try again when they are done.' },
  );
}
