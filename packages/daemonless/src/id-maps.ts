import { writeFileSync } from 'node:fs';
import { SandboxError } from '@sandbox/core';
import type { IdMapEntry } from './ids.ts';

/** Maps the ids of a process that has a user namespace of its own and no map yet. Takes root's rights. `UNAVAILABLE` where the kernel refuses. */
export function writeIdMaps(pid: number, uids: readonly IdMapEntry[], gids: readonly IdMapEntry[]): void {
  for (const [file, entries] of [
    ['uid_map', uids],
    ['gid_map', gids],
  ] as const) {
    try {
      writeFileSync(`/proc/${pid}/${file}`, mapText(entries));
    } catch (cause) {
      throw new SandboxError('UNAVAILABLE', `${file}: ${(cause as Error).message}`, { cause });
    }
  }
}

/** As the kernel reads it. Pure. */
export function mapText(entries: readonly IdMapEntry[]): string {
  return entries.map(({ inside, outside, count }) => `${inside} ${outside} ${count}\n`).join('');
}
