import type { Readback } from '../adapter/adapter.ts';
import type { Control } from '../adapter/capabilities.ts';
import type { SandboxSpec } from '../adapter/spec.ts';
import { GUEST_WORKSPACE } from '../lifecycle/guest-layout.ts';
import type { Enforcement } from './policy.ts';

/** What was seen of one control. `limited`: less than the spec says, and whoever reports it says why. */
export interface Observation {
  readonly verdict: 'holds' | 'limited' | 'differs' | 'absent';
  readonly effective: Enforcement['effective'];
  readonly how: string;
}

/** A runtime's own answer against what it was asked for. */
export function observeReadback(
  { control, status, effective, how }: Readback,
  spec: SandboxSpec,
): Observation {
  const expected = specValue(control, spec);
  // A plain yes is shown as what it says yes to.
  const shown = effective === true && expected !== null ? expected : effective;
  const seen = (verdict: Observation['verdict']): Observation => ({ verdict, effective: shown, how });
  if (status === 'unsupported' || effective === null || effective === false) return seen('absent');
  if (status === 'limited') return seen('limited');
  if (control === 'capabilities') return observeNames(spec, seen, effective);
  return seen(expected === null || agrees(control, expected, effective) ? 'holds' : 'differs');
}

/** Names are compared, with or without `CAP_`; a runtime may also answer in words of its own. */
function observeNames(
  spec: SandboxSpec,
  seen: (verdict: Observation['verdict']) => Observation,
  effective: Readback['effective'],
): Observation {
  if (effective === '') return { ...seen('holds'), effective: 'none' };
  const names = typeof effective === 'string' ? effective.split(/[\s,]+/) : [];
  if (!names.every((name) => /^[A-Z_]+$/.test(name))) return seen('holds');
  const allowed = spec.security.capabilities ?? [];
  return seen(names.every((name) => allowed.includes(name.replace(/^CAP_/, ''))) ? 'holds' : 'differs');
}

/** What the spec says about a control, in the words of a readback; null where any answer but "nothing" will do. */
export function specValue(control: Control, spec: SandboxSpec): number | string | null {
  const { limits, mounts, user } = spec;
  switch (control) {
    case 'memory':
      return limits.memoryBytes;
    case 'cpus':
      return limits.cpus;
    case 'pids':
      return limits.pids;
    case 'open-files':
      return limits.openFiles;
    case 'file-size':
      return limits.fileSizeBytes;
    case 'disk':
      return limits.diskBytes;
    case 'tmpfs-size':
      return mounts.find((mount) => mount.type === 'tmpfs')?.sizeBytes ?? null;
    case 'network-none':
    case 'network-full':
      return spec.network;
    case 'workspace-access':
      return workspaceAccess(spec);
    case 'user':
      return `${user.uid}:${user.gid}`;
    default:
      return null;
  }
}

/** The mount at `/workspace`, in the policy's words. */
function workspaceAccess({ mounts }: SandboxSpec): string {
  const mount = mounts.find(({ target }) => target === GUEST_WORKSPACE);
  if (mount === undefined || mount.type === 'tmpfs') return 'none';
  return mount.readOnly ? 'ro' : 'rw';
}

/** `true` is a plain yes. Kernels round memory to pages (64 KiB at most) and processors to a period. */
export function agrees(
  control: Control,
  expected: number | string,
  effective: number | string | boolean,
): boolean {
  if (effective === true) return true;
  if (typeof expected === 'string') return String(effective) === expected;
  const difference = Math.abs(expected - Number(effective));
  if (control === 'memory' || control === 'tmpfs-size') return difference <= 65_536;
  if (control === 'cpus') return difference <= expected * 0.01;
  return difference === 0;
}
