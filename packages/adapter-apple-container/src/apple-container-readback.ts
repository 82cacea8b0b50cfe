import type { ContainerAnswer } from '@sandbox/apple-container-client';
import type { Control, Readback, SandboxSpec, Support } from '@sandbox/core';
import { APPLE_CONTAINER_CAPABILITIES } from './apple-container-capabilities.ts';

/** What the program says of a container, for each control that the spec sets. Pure. */
export function readback(spec: SandboxSpec, { configuration }: ContainerAnswer): Readback[] {
  const { limits, security, mounts } = spec;
  const { resources = {}, initProcess = {}, capDrop = [], capAdd = [], networks = [] } = configuration;
  const { user } = initProcess;
  const rlimit = (name: string) => initProcess.rlimits?.find(({ limit }) => limit === name)?.hard ?? null;
  const optionsAt = (target?: string) => {
    const found = configuration.mounts?.find(({ destination }) => destination === target);
    return found && (found.options ?? []);
  };
  const rows: Readback[] = [];
  const add = (control: Control, asked: boolean, effective: Readback['effective'], where: string) => {
    if (!asked) return;
    const short = control === 'memory' && Number(effective) < (limits.memoryBytes ?? 0);
    const { support } = APPLE_CONTAINER_CAPABILITIES.controls[control];
    const status: Support =
      effective === null || effective === false ? 'unsupported' : short ? 'limited' : support;
    rows.push({ control, effective, status, how: `inspect configuration.${where}` });
  };

  // Cut off to whole MiB.
  add('memory', limits.memoryBytes !== null, resources.memoryInBytes ?? null, 'resources.memoryInBytes');
  add('cpus', limits.cpus !== null, resources.cpus ?? null, 'resources.cpus');
  add('open-files', limits.openFiles !== null, rlimit('RLIMIT_NOFILE'), 'initProcess.rlimits');
  add('file-size', limits.fileSizeBytes !== null, rlimit('RLIMIT_FSIZE'), 'initProcess.rlimits');
  const tmpfs = mounts.find(({ type }) => type === 'tmpfs');
  const size = optionsAt(tmpfs?.target)?.find((option) => option.startsWith('size='));
  add('tmpfs-size', tmpfs !== undefined, size ? Number(size.slice('size='.length)) : null, 'mounts');
  add('read-only-root', spec.root.readOnly, configuration.readOnly === true, 'readOnly');
  const none = networks.length === 0;
  add('network-none', spec.network === 'none', none && 'none', 'networks');
  add('network-full', spec.network === 'full', !none && 'full', 'networks');
  const workspace = optionsAt('/workspace');
  const access = workspace?.includes('ro') ? 'ro' : 'rw';
  add('workspace-access', true, workspace ? access : 'none', 'mounts');
  const ids = user?.id && `${user.id.uid}:${user.id.gid}`;
  add('user', true, user?.raw?.userString ?? ids ?? null, 'initProcess.user');
  const names = capAdd.map((name) => name.replace(/^CAP_/, '')).sort();
  const bounding = capDrop.includes('ALL') ? names.join() : null;
  add('capabilities', security.capabilities !== null, bounding, 'capDrop, capAdd');
  rows.push({
    control: 'namespaces',
    effective: true,
    status: 'enforced',
    how: 'a virtual machine of its own',
  });
  return rows;
}
