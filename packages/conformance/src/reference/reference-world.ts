import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SandboxSpec } from '@sandbox/core';
import type { Identity } from './reference-raw-process.ts';
import { directoriesOf } from './reference-spec.ts';
import { give } from './reference-state.ts';
import type { referenceVolumes } from './reference-volumes.ts';

/** The directories that the spec takes for granted, and its volumes as links. */
export async function furnish(
  spec: SandboxSpec,
  world: string,
  volumes: ReturnType<typeof referenceVolumes>,
): Promise<void> {
  await give(world, spec.user);
  for (const mount of spec.mounts) {
    if (mount.type !== 'volume') continue;
    await volumes.ensure(mount.volume, mount.labels ?? spec.labels);
    await give(volumes.data(mount.volume), mount.owner);
    const link = join(world, mount.target);
    await makeOwned(world, dirname(mount.target), spec.user);
    await symlink(volumes.data(mount.volume), link);
  }
  for (const path of directoriesOf(spec)) await makeOwned(world, path, spec.user);
}

async function makeOwned(world: string, path: string, owner: Identity): Promise<void> {
  let made = world;
  for (const part of path.split('/').filter(Boolean)) {
    made = join(made, part);
    const created = await mkdir(made).then(
      () => true,
      () => false,
    );
    if (created) await give(made, owner);
  }
}
