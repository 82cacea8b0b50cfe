import type { Control } from '../adapter/capabilities.ts';
import { boundsOf } from './ceilings.ts';
import type { Enforcement, PolicySource, ResolvedPolicy } from './policy.ts';

/** A control that a sandbox with this policy needs. */
export interface NeededControl {
  readonly control: Control;
  /** Null for a user that nobody named: the workspace decides. */
  readonly requested: Enforcement['requested'];
  readonly source: PolicySource;
  /** Somebody asked for it, or a ceiling of this trust level depends on it. */
  readonly asked: boolean;
}

/** Every control that the policy needs, in the order of `CONTROLS`. */
export function neededControls(resolved: ResolvedPolicy, workspace: boolean): NeededControl[] {
  const { policy, sources, ceiling } = resolved;
  const bounded = new Set(boundsOf(ceiling).map((bound) => bound.key));
  const by = (
    key: keyof typeof sources,
    control: Control,
    requested: Enforcement['requested'],
  ): NeededControl => {
    const source = sources[key];
    return { control, requested, source, asked: source !== 'default' || bounded.has(key) };
  };
  const always = (control: Control): NeededControl => ({
    control,
    requested: true,
    source: 'default',
    asked: false,
  });
  return [
    by('memoryBytes', 'memory', policy.memoryBytes),
    ...(policy.cpus === null ? [] : [by('cpus', 'cpus', policy.cpus)]),
    by('pids', 'pids', policy.pids),
    by('openFiles', 'open-files', policy.openFiles),
    ...(policy.fileSizeBytes === null ? [] : [by('fileSizeBytes', 'file-size', policy.fileSizeBytes)]),
    ...(policy.diskBytes === null ? [] : [by('diskBytes', 'disk', policy.diskBytes)]),
    by('tmpfsBytes', 'tmpfs-size', policy.tmpfsBytes),
    ...(policy.profile === 'strict' ? [by('profile', 'read-only-root', true)] : []),
    by('network', `network-${policy.network}`, policy.network),
    ...(workspace ? [by('workspaceAccess', 'workspace-access', policy.workspaceAccess)] : []),
    by('user', 'user', policy.user),
    capabilities(resolved),
    always('no-new-privileges'),
    always('seccomp'),
    always('namespaces'),
  ];
}

function capabilities({ policy, sources }: ResolvedPolicy): NeededControl {
  const requested = policy.allowRoot ? 'what a package manager needs' : 'none';
  const source = policy.allowRoot ? sources.allowRoot : 'default';
  return { control: 'capabilities', requested, source, asked: source !== 'default' };
}
