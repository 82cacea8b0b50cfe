import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { lookupProcess, SandboxError } from '@sandbox/core';

/** Kills processes and their children, and returns when all of them are gone. Of a jail and its first process, the jail goes last. */
export async function killTrees(pids: readonly number[], signal?: AbortSignal): Promise<void> {
  const all = pids
    .flatMap((pid) => [...childrenOf(pid), pid])
    .map((pid) => ({ pid, startTime: lookupProcess(pid) }));
  const living = () =>
    all.filter(({ pid, startTime }) => startTime !== null && lookupProcess(pid) === startTime);
  for (let left = living(); left.length > 0; left = living()) {
    signal?.throwIfAborted();
    for (const { pid } of left) send(pid, 'SIGKILL');
    await sleep(2);
  }
}

/** The first process of a jail that this many processes make, of which this is the first. Throws where it is not there any more. */
export function firstProcess(pid: number, makers: number): number {
  const [child] = childrenOf(pid);
  if (child === undefined) throw new SandboxError('UNAVAILABLE', 'the jail has ended while it was made');
  return makers > 1 ? firstProcess(child, makers - 1) : child;
}

export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone.
  }
}
