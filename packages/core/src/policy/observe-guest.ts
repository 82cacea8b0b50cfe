import type { AgentHello } from '@sandbox/guest';
import type { Control } from '../adapter/capabilities.ts';
import type { SandboxSpec } from '../adapter/spec.ts';
import { capabilityMask } from './capability-mask.ts';
import { agrees, type Observation } from './observe-readback.ts';

/** What the agent says of itself before any command of a user has run. */
export type GuestView = Pick<AgentHello, 'uid' | 'gid' | 'facts'>;

/** What the agent sees of one control. Nothing where it cannot see it, or where a smaller number says nothing (a limit further up). */
export function observeGuest(control: Control, spec: SandboxSpec, guest: GuestView): Observation[] {
  const { facts } = guest;
  switch (control) {
    case 'user':
      return [
        seen(
          `${guest.uid}:${guest.gid}` === `${spec.user.uid}:${spec.user.gid}`,
          `${guest.uid}:${guest.gid}`,
          'getuid',
        ),
      ];
    case 'capabilities':
      return observeCapabilities(spec, guest);
    case 'no-new-privileges':
      return facts.noNewPrivs === null
        ? []
        : [yesOrAbsent(facts.noNewPrivs, 'NoNewPrivs in /proc/self/status')];
    case 'seccomp':
      return facts.seccomp === null ? [] : [yesOrAbsent(facts.seccomp > 0, 'Seccomp in /proc/self/status')];
    case 'open-files':
      return hardLimit(control, spec.limits.openFiles, facts.rlimits.nofile);
    case 'file-size':
      return hardLimit(control, spec.limits.fileSizeBytes, facts.rlimits.fsize);
    case 'memory':
      return atMost(control, spec.limits.memoryBytes, facts.cgroup.memoryMax, 'the cgroup’s memory.max');
    case 'pids':
      return atMost(control, spec.limits.pids, facts.cgroup.pidsMax, 'the cgroup’s pids.max');
    case 'cpus':
      return atMost(control, spec.limits.cpus, facts.cgroup.cpuMax, 'the cgroup’s cpu.max');
    default:
      return [];
  }
}

function seen(holds: boolean, effective: Observation['effective'], where: string): Observation {
  return { verdict: holds ? 'holds' : 'differs', effective, how: `seen in the guest: ${where}` };
}

function yesOrAbsent(yes: boolean, where: string): Observation {
  return { verdict: yes ? 'holds' : 'absent', effective: yes, how: `seen in the guest: ${where}` };
}

function observeCapabilities(spec: SandboxSpec, { facts }: GuestView): Observation[] {
  const { capabilities } = spec.security;
  const bounding = hexadecimal(facts.capBnd);
  if (bounding === null || capabilities === null) return [];
  const held = bounding | (hexadecimal(facts.capEff) ?? 0n);
  const more = held & ~capabilityMask(capabilities);
  const effective = held === 0n ? 'none' : `0x${held.toString(16)}`;
  return [seen(more === 0n, effective, 'CapBnd and CapEff in /proc/self/status')];
}

/** What a guest says may be anything. */
function hexadecimal(text: string | null): bigint | null {
  return text !== null && /^[0-9a-f]{1,16}$/i.test(text) ? BigInt(`0x${text}`) : null;
}

function hardLimit(
  control: Control,
  expected: number | null,
  limit: readonly [number | null, number | null] | undefined,
): Observation[] {
  if (expected === null || limit === undefined) return [];
  const where = `RLIMIT of ${control} in the agent`;
  const hard = limit[1];
  if (hard === null) return [{ verdict: 'absent', effective: null, how: `seen in the guest: ${where}` }];
  if (hard < expected) return [{ verdict: 'limited', effective: hard, how: `seen in the guest: ${where}` }];
  return [seen(hard === expected, hard, where)];
}

/** More than was asked for is a contradiction; less may be a limit further up, which the runtime's own answer need not know. */
function atMost(
  control: Control,
  expected: number | null,
  found: number | null,
  where: string,
): Observation[] {
  if (expected === null || found === null) return [];
  if (agrees(control, expected, found)) return [seen(true, found, where)];
  return found > expected ? [seen(false, found, where)] : [];
}
