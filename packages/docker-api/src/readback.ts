import type { Control, Readback, SandboxSpec, Support } from '@sandbox/core';
import { engineSetsNoNewPrivileges, WORKSPACE_TARGET } from './container-spec.ts';
import type { ContainerAnswer } from './inspect.ts';

/** What the engine says, asked after create, about each control that the spec sets. Pure. */
export function readback(spec: SandboxSpec, answer: ContainerAnswer): Readback[] {
  const host = answer.HostConfig;
  const rows: Readback[] = [];
  const row = (control: Control, effective: Readback['effective'], how: string, limit?: string) => {
    const missing = effective === null || effective === false;
    const status: Support = missing ? 'unsupported' : limit === undefined ? 'enforced' : 'limited';
    rows.push({
      control,
      status,
      effective,
      how: limit === undefined ? `inspect ${how}` : `inspect ${how}; ${limit}`,
    });
  };
  const ulimit = (name: string) =>
    host.Ulimits?.find((entry) => entry.Name.replace(/^RLIMIT_/, '').toLowerCase() === name)?.Hard ?? null;
  const { limits, security, network, mounts } = spec;

  if (limits.memoryBytes !== null) {
    const memory = positive(host.Memory);
    const swap = host.MemorySwap === host.Memory ? undefined : 'swap is not limited on this host';
    row('memory', memory, 'HostConfig.Memory, MemorySwap', swap);
  }
  if (limits.cpus !== null) {
    const nano = positive(host.NanoCpus);
    const cpus = nano === null ? null : nano / 1e9;
    const fewer = cpus !== null && cpus < limits.cpus ? 'as many as this host has' : undefined;
    row('cpus', cpus, 'HostConfig.NanoCpus', fewer);
  }
  if (limits.pids !== null) row('pids', positive(host.PidsLimit), 'HostConfig.PidsLimit');
  if (limits.openFiles !== null) {
    const hard = ulimit('nofile');
    const lower = hard !== null && hard < limits.openFiles ? 'as much as this host allows' : undefined;
    row('open-files', hard, 'HostConfig.Ulimits nofile', lower);
  }
  if (limits.fileSizeBytes !== null) row('file-size', ulimit('fsize'), 'HostConfig.Ulimits fsize');
  if (limits.diskBytes !== null) {
    row('disk', Number(host.StorageOpt?.size ?? 0) || null, 'HostConfig.StorageOpt size');
  }
  if (mounts.some((mount) => mount.type === 'tmpfs'))
    row('tmpfs-size', tmpfsSize(spec, answer), 'HostConfig.Tmpfs');
  if (spec.root.readOnly) row('read-only-root', host.ReadonlyRootfs === true, 'HostConfig.ReadonlyRootfs');
  if (network === 'none') row('network-none', host.NetworkMode === 'none', 'HostConfig.NetworkMode');
  else row('network-full', 'full', 'HostConfig.NetworkMode', 'the host and its networks can be reached too');
  row('workspace-access', workspaceAccess(answer), 'Mounts');
  row('user', answer.Config.User || null, 'Config.User');
  if (security.capabilities) row('capabilities', boundingSet(answer), 'HostConfig.CapDrop, CapAdd');
  if (engineSetsNoNewPrivileges(spec))
    row(
      'no-new-privileges',
      hasOption(answer, /^no-new-privileges(:true|=true)?$/),
      'HostConfig.SecurityOpt',
    );
  if (security.seccomp)
    row('seccomp', !hasOption(answer, /^seccomp[:=]unconfined$/), 'HostConfig.SecurityOpt');
  row('namespaces', ownNamespaces(answer), 'HostConfig.PidMode, IpcMode, UTSMode, NetworkMode, Privileged');
  return rows;
}

function positive(value: number | null | undefined): number | null {
  return value !== undefined && value !== null && value > 0 ? value : null;
}

/** Of the first; of another where that did not get what was asked for; null as soon as one is without a size. */
function tmpfsSize(spec: SandboxSpec, { HostConfig }: ContainerAnswer): number | null {
  const mounts = spec.mounts.filter((mount) => mount.type === 'tmpfs');
  const sizes = mounts.map(({ target, sizeBytes }) => ({
    asked: sizeBytes,
    size: Number(/(?:^|,)size=(\d+)(?:,|$)/.exec(HostConfig.Tmpfs?.[target] ?? '')?.[1] ?? 0),
  }));
  if (sizes.some(({ size }) => size === 0)) return null;
  return (sizes.find(({ asked, size }) => asked !== size) ?? sizes[0])?.size ?? null;
}

function workspaceAccess({ Mounts }: ContainerAnswer): 'rw' | 'ro' | 'none' {
  const mount = Mounts?.find(({ Destination }) => Destination === WORKSPACE_TARGET);
  if (!mount) return 'none';
  return mount.RW ? 'rw' : 'ro';
}

/** Names without `CAP_`, in order, joined by commas; empty when there are none; null when the engine kept its own. */
function boundingSet({ HostConfig, BoundingCaps }: ContainerAnswer): string | null {
  if (BoundingCaps !== undefined) return namesOf(BoundingCaps ?? []);
  if (!HostConfig.CapDrop?.some((name) => /^(CAP_)?ALL$/i.test(name))) return null;
  return namesOf(HostConfig.CapAdd ?? []);
}

function namesOf(capabilities: readonly string[]): string {
  return capabilities
    .map((name) => name.replace(/^CAP_/i, '').toUpperCase())
    .sort()
    .join(',');
}

function hasOption({ HostConfig }: ContainerAnswer, pattern: RegExp): boolean {
  return HostConfig.SecurityOpt?.some((option) => pattern.test(option)) ?? false;
}

function ownNamespaces({ HostConfig }: ContainerAnswer): boolean {
  const { PidMode, IpcMode, UTSMode, UsernsMode, NetworkMode, Privileged } = HostConfig;
  const shared = [PidMode, IpcMode, UTSMode, UsernsMode, NetworkMode].some((mode) =>
    /^(host|container:)/.test(mode ?? ''),
  );
  return !shared && Privileged !== true;
}
