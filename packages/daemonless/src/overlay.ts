import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { readBootId } from '@sandbox/core';
import { claim } from './directories.ts';
import type { Host } from './host.ts';
import { mountPointsBelow } from './mount-points.ts';
import type { SandboxRecord, StateDirectory } from './state.ts';

const run = promisify(execFile);

/** As root the overlay is mounted once for all sessions. After a boot the first who starts it mounts it again. */
export async function mountRoot(
  { spec }: SandboxRecord,
  state: StateDirectory,
  { isRoot }: Host,
): Promise<void> {
  const { root, name } = spec;
  if (root.type !== 'directory' || root.readOnly || !isRoot) return;
  const [upper, work, merged] = ['upper', 'work', 'merged'].map((part) => state.path(name, 'overlay', part));
  if (isMounted(merged ?? '')) return;
  for (const path of [upper, work, merged]) mkdirSync(path ?? '', { recursive: true, mode: 0o711 });
  // One mount only: what two on the same directories would do is undefined.
  const isMine = claim(state.path(name, 'overlay', `mounted-${readBootId()}`));
  for (let waited = 0; !isMine && waited < 5_000; waited += 20) {
    if (isMounted(merged ?? '')) return;
    await sleep(20);
  }
  const options = `nosuid,nodev,lowerdir=${root.path},upperdir=${upper},workdir=${work}`;
  await run('mount', ['-t', 'overlay', '-o', options, 'overlay', merged ?? '']);
}

export async function unmountRoot(name: string, state: StateDirectory): Promise<void> {
  const merged = state.path(name, 'overlay/merged');
  if (!isMounted(merged)) return;
  try {
    await run('umount', [merged]);
  } catch (error) {
    // Another who removes it may have been first.
    if (isMounted(merged)) throw error;
  }
}

function isMounted(path: string): boolean {
  return mountPointsBelow(readFileSync('/proc/self/mountinfo', 'latin1'), dirname(path)).includes(path);
}
