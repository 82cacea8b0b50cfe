import type { CgroupController } from './cgroup-layout.ts';

/** As much of a host as decides what a runtime can do on it. */
export interface HostFacts {
  readonly isRoot: boolean;
  readonly cgroups: { has(name: CgroupController): boolean; readonly version: 1 | 2 } | null;
}

/** Limits that this program has itself, and a jail cannot raise. */
export interface HardLimits {
  readonly openFiles: number;
  readonly fileSizeBytes: number;
}
