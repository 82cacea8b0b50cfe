import { posix } from 'node:path';
import { AGENT_DIRECTORY } from '@sandbox/guest';
import type { MountSpec } from '../adapter/spec.ts';
import { homeVolumeName } from '../naming/names.ts';
import { GUEST_HOME, GUEST_SCRATCH, GUEST_TMP, GUEST_WORKSPACE } from './guest-layout.ts';
import type { SpecRequest } from './spec-request.ts';

type MountRequest = Pick<SpecRequest, 'name' | 'lifecycle' | 'plan' | 'image' | 'workspace' | 'identity'>;

/** Everything that is mounted, parents before what lies in them. */
export function buildMounts(request: MountRequest): MountSpec[] {
  const strict = request.plan.policy.profile === 'strict';
  const mounts = [
    ...workspaceMount(request),
    ...homeMount(request),
    ...tmpfs(request, GUEST_SCRATCH, 0o755),
    // With a writable root the image's own /tmp is as large as the disk, and does not count as memory.
    ...(strict ? tmpfs(request, GUEST_TMP, 0o1777) : []),
  ];
  const volumes = strict ? coveredVolumes(request, mounts) : [];
  return [...mounts, ...volumes].toSorted((one, other) => depth(one.target) - depth(other.target));
}

function workspaceMount({ workspace, plan, identity }: MountRequest): MountSpec[] {
  const { workspaceAccess } = plan.policy;
  if (workspace == null || workspaceAccess === 'none') return [];
  const common = { target: GUEST_WORKSPACE, readOnly: workspaceAccess === 'ro' };
  return workspace.type === 'directory'
    ? [{ type: 'bind', source: workspace.path, ...common }]
    : [{ ...workspace, owner: identity, ...common }];
}

/** On a volume of its own where it is to outlive the root file system. */
function homeMount(request: MountRequest): MountSpec[] {
  const { name, lifecycle, plan, identity } = request;
  if (lifecycle !== 'long-lived' || plan.policy.profile !== 'workspace')
    return tmpfs(request, GUEST_HOME, 0o755);
  const volume = homeVolumeName(name);
  return [{ type: 'volume', volume, target: GUEST_HOME, readOnly: false, owner: identity }];
}

/** Nothing on a runtime that has none of a bounded size: those places then lie in its root file system. */
function tmpfs({ plan, identity }: MountRequest, target: string, mode: number): MountSpec[] {
  const { support } = plan.controls.find(({ control }) => control === 'tmpfs-size') ?? {};
  if (support === 'unsupported') return [];
  return [{ type: 'tmpfs', target, sizeBytes: plan.policy.tmpfsBytes, mode, owner: identity, exec: true }];
}

/** A VOLUME of an image stays writable, and without bound, inside of a read-only root: it gets a sized tmpfs. */
function coveredVolumes(request: MountRequest, mounts: readonly MountSpec[]): MountSpec[] {
  const taken = new Set([...mounts.map((mount) => mount.target), '/', AGENT_DIRECTORY]);
  const paths = new Set(
    (request.image?.volumes ?? []).map((path) => posix.join('/', path, '/').slice(0, -1) || '/'),
  );
  return [...paths]
    .filter((path) => !taken.has(path) && !path.startsWith(`${AGENT_DIRECTORY}/`))
    .flatMap((path) => tmpfs(request, path, 0o755));
}

function depth(path: string): number {
  return path.split('/').length;
}
