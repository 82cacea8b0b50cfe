import { rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ExtraInfo } from '@sandbox/core';
import { listed } from './directories.ts';
import type { Host } from './host.ts';
import type { IdRanges } from './ids.ts';
import { sizeOf } from './sizes.ts';
import type { StateDirectory } from './state.ts';
import type { DirectoryVolumes } from './volumes.ts';

interface ExtrasWorld {
  readonly state: StateDirectory;
  readonly volumes: DirectoryVolumes;
  readonly ranges: IdRanges;
  readonly host: () => Host;
}

const SANDBOXES = 'sandboxes';
const VOLUMES = 'volumes';
/** Of all users' state, and of ids; made where it is not there. */
const SYSTEM_DIRECTORY = '/var/lib/sandbox';

/** What lies in the state directory besides sandboxes and volumes: agents, and roots and parts of roots that sandboxes share. */
export async function listExtras({ state }: ExtrasWorld, signal: AbortSignal): Promise<ExtraInfo[]> {
  const names = listed(state.directory).filter((name) => name !== SANDBOXES && name !== VOLUMES);
  return Promise.all(
    names.map(async (name) => ({
      name,
      sizeBytes: (await sizeOf(join(state.directory, name), signal)) ?? null,
    })),
  );
}

/** Removes the state directory, and what is kept beside it, unless a sandbox or a volume is there. */
export async function removeExtras({ state, volumes, ranges, host }: ExtrasWorld): Promise<void> {
  const inside = (name: string) => listed(join(state.directory, name));
  // No list has one that is damaged, so nobody can have removed it.
  if (inside(SANDBOXES).length > 0 || inside(VOLUMES).some((name) => !volumes.isDamaged(name))) return;
  for (const name of inside(VOLUMES)) state.setAside(VOLUMES, name);
  // Whoever makes a sandbox just now has put it in, or finds nothing to put it in and makes the directory anew.
  for (const name of [SANDBOXES, VOLUMES]) {
    if (!removeEmpty(join(state.directory, name))) return;
  }
  await state.removeAll();
  try {
    host().cgroups?.removeParents();
  } catch {
    // Without the program there is nothing that could tell which they are, and what is empty does no harm.
  }
  ranges.removeEmpty();
  removeEmpty(SYSTEM_DIRECTORY);
}

/** Whether it is gone. */
export function removeEmpty(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
