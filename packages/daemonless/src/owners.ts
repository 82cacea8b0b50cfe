import { SandboxError, type SandboxSpec } from '@sandbox/core';
import { ownerOf } from './check-spec.ts';
import type { Host } from './host.ts';
import { hostId, type IdPlan, type IdRanges, planIds } from './ids.ts';
import type { StateDirectory } from './state.ts';
import type { DirectoryVolumes } from './volumes.ts';

/** Decides which ids of the host a new sandbox's are, and takes them. Those who share a volume share a range. */
export function takeIds(
  spec: SandboxSpec,
  id: string,
  { isRoot, caller }: Host,
  { state, volumes, ranges }: { state: StateDirectory; volumes: DirectoryVolumes; ranges: IdRanges },
): IdPlan {
  if (!isRoot) return { type: 'caller', host: caller };
  const path = state.path(spec.name);
  const bases = spec.mounts.flatMap((mount) =>
    mount.type === 'volume' ? (volumes.base(mount.volume) ?? []) : [],
  );
  const [shared, ...others] = new Set(bases);
  if (others.length > 0) {
    throw new SandboxError(
      'UNSUPPORTED',
      `volumes: ${spec.name} cannot mount two that were first used apart`,
    );
  }
  const base = shared ?? ranges.take(id, path);
  if (shared !== undefined) ranges.share(shared, id, path);
  const owners = spec.mounts.flatMap((mount) => (mount.type === 'bind' ? [ownerOf(mount)] : []));
  return planIds(base, spec.user, owners);
}

/** Makes the volumes of a new sandbox, and gives them to their owners. */
export function furnishVolumes(spec: SandboxSpec, ids: IdPlan, volumes: DirectoryVolumes): void {
  for (const mount of spec.mounts) {
    if (mount.type !== 'volume') continue;
    volumes.make(mount.volume, mount.labels ?? spec.labels);
    const owner = {
      uid: hostId(ids, 'uid', mount.owner.uid),
      gid: hostId(ids, 'gid', mount.owner.gid),
    };
    volumes.give(mount.volume, ids.type === 'range' ? ids.base : undefined, owner);
  }
}
