import type { Control, Readback, SandboxSpec, Support } from '@sandbox/core';
import type { Host } from './host.ts';

/** What holds: limits as the kernel has them, the rest as the jail is going to be made, which the guest's own view proves. */
export function readback(spec: Omit<SandboxSpec, 'agent'>, host: Host, cgroup: string): Readback[] {
  const { limits, security, user, mounts } = spec;
  const rows: Readback[] = [];
  const add = (
    control: Control,
    asked: boolean,
    effective: Readback['effective'],
    how: string,
    status: Support = 'enforced',
  ) => {
    if (asked) rows.push({ control, status: effective === null ? 'unsupported' : status, effective, how });
  };
  const { cgroups, hardLimits, isRoot } = host;
  const kernel = cgroups?.limits(cgroup) ?? { memoryBytes: null, cpus: null, pids: null };
  const files =
    cgroups?.version === 2 ? ['memory.max', 'cpu.max'] : ['memory.limit_in_bytes', 'cpu.cfs_quota_us'];
  const swap = cgroups?.limitsSwap(cgroup) ?? true;
  add(
    'memory',
    limits.memoryBytes !== null,
    kernel.memoryBytes,
    `cgroup ${files[0]}${swap ? '' : '; swap is not counted'}`,
    swap ? 'enforced' : 'limited',
  );
  add('cpus', limits.cpus !== null, kernel.cpus, `cgroup ${files[1]}`);
  if (cgroups?.has('pids'))
    add('pids', limits.pids !== null, kernel.pids, 'cgroup pids.max, what makes the jail not counted');
  else add('pids', limits.pids !== null, limits.pids, 'RLIMIT_NPROC of each session', 'limited');
  const clamped = (asked: number | null, most: number, control: Control, name: string) =>
    add(
      control,
      asked !== null,
      Math.min(asked ?? 0, most),
      name,
      (asked ?? 0) > most ? 'limited' : 'enforced',
    );
  clamped(limits.openFiles, hardLimits.openFiles, 'open-files', 'RLIMIT_NOFILE');
  clamped(limits.fileSizeBytes, hardLimits.fileSizeBytes, 'file-size', 'RLIMIT_FSIZE');
  add(
    'tmpfs-size',
    mounts.some(({ type }) => type === 'tmpfs'),
    true,
    'size of the mount',
  );
  add('read-only-root', spec.root.readOnly, true, 'read-only mounts');
  add('network-none', true, 'none', 'a network namespace of each jail');
  const workspace = mounts.find(({ target }) => target === '/workspace');
  const access = workspace && workspace.type !== 'tmpfs' ? (workspace.readOnly ? 'ro' : 'rw') : 'none';
  add('workspace-access', workspace !== undefined, access, 'bind mount');
  add('user', true, `${user.uid}:${user.gid}`, 'first entry of the id map', isRoot ? 'enforced' : 'limited');
  add(
    'capabilities',
    security.capabilities !== null,
    (security.capabilities ?? []).join(','),
    'bounding set of each jail',
  );
  add('no-new-privileges', security.noNewPrivileges, true, 'set for each jail');
  add('seccomp', security.seccomp, true, 'filter of each jail');
  add('namespaces', true, true, 'made for each jail');
  return rows;
}
