import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SandboxError } from '@sandbox/core';
import { defaultParent, parseCgroupLayout } from './cgroup-layout.ts';
import { Cgroups } from './cgroups.ts';
import type { HardLimits } from './host-facts.ts';
import type { Ids } from './ids.ts';
import type { Jailer } from './jailer.ts';

/** What this machine, and this program's rights on it, give a runtime to work with. */
export interface Host {
  /** The runtime's program. */
  readonly program: string;
  readonly isRoot: boolean;
  readonly caller: Ids;
  readonly architecture: 'amd64' | 'arm64';
  readonly hardLimits: HardLimits;
  /** Null where not one can be made. */
  readonly cgroups: Cgroups | null;
  /** What to type so that the caller gets cgroups; null where it has them. */
  readonly cgroupRemedy: string | null;
  /** Descriptors that whoever started this program has left open for its children. */
  readonly inherited: readonly number[];
}

/** `NOT_FOUND` where the runtime's program is missing, `UNSUPPORTED` on a system that cannot have it. */
export function readHost({ runtime, makers, findProgram }: Jailer, cgroupParent: string | undefined): Host {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  if (process.platform !== 'linux' || (architecture !== 'amd64' && architecture !== 'arm64')) {
    throw new SandboxError('UNSUPPORTED', `${runtime} does not run on ${process.platform} ${process.arch}`, {
      hint: 'use a container engine',
    });
  }
  const caller = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  return {
    program: findProgram(),
    isRoot: caller.uid === 0,
    caller,
    architecture,
    hardLimits: parseHardLimits(readFileSync('/proc/self/limits', 'latin1')),
    ...findCgroups(cgroupParent, caller.uid, makers),
    inherited: inheritedDescriptors(),
  };
}

/** From the text of `/proc/self/limits`. Pure. */
export function parseHardLimits(text: string): HardLimits {
  const hard = (name: string) => {
    const word = new RegExp(`^${name} +\\S+ +(\\S+)`, 'm').exec(text)?.[1];
    return word === undefined || word === 'unlimited' ? Number.POSITIVE_INFINITY : Number(word);
  };
  return { openFiles: hard('Max open files'), fileSizeBytes: hard('Max file size') };
}

const CLOSE_ON_EXEC = 0o2000000;

/** Node opens nothing in this way, and marks what it was given, but not all of that. */
function inheritedDescriptors(): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => fd > 2 && (descriptorFlags(fd) & CLOSE_ON_EXEC) === 0);
}

function descriptorFlags(fd: number): number {
  try {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
    return Number.parseInt(/^flags:\s*([0-7]+)/m.exec(text)?.[1] ?? '0', 8);
  } catch {
    // The directory's own, which is closed by now.
    return CLOSE_ON_EXEC;
  }
}

function findCgroups(
  parent: string | undefined,
  uid: number,
  makers: number,
): Pick<Host, 'cgroups' | 'cgroupRemedy'> {
  const layout = parseCgroupLayout(readFileSync('/proc/self/mountinfo', 'latin1'));
  if (layout === null) return { cgroups: null, cgroupRemedy: 'mount cgroups at /sys/fs/cgroup' };
  const where = parent ?? defaultParent(layout, uid, readFileSync('/proc/self/cgroup', 'latin1'));
  try {
    return { cgroups: new Cgroups(layout, where, { isRoot: uid === 0, makers }), cgroupRemedy: null };
  } catch (error) {
    if (!SandboxError.is(error)) throw error;
    const directories = [...new Set(Object.values(layout.v1))].map((mount) => join(mount, where)).join(' ');
    const cgroupRemedy =
      layout.version === 1
        ? `sudo mkdir -p ${directories} && sudo chown -R ${uid} ${directories}`
        : 'start the program with `systemd-run --user --scope -p Delegate=yes`';
    return { cgroups: null, cgroupRemedy };
  }
}
