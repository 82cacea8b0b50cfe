import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LimitsSpec, SandboxError, type SandboxStats } from '@sandbox/core';
import type { CgroupController, CgroupLayout } from './cgroup-layout.ts';

/** The cgroups of sandboxes: one for each, in every hierarchy that can be had. */
export class Cgroups {
  readonly version: 1 | 2;
  readonly #parents: readonly string[];
  readonly #of: Readonly<Partial<Record<CgroupController, string>>>;
  readonly #unified: string | null;
  readonly #makers: number;

  /** `UNSUPPORTED` where not one can be made; the cause says why. */
  constructor(
    layout: CgroupLayout,
    parent: string,
    { isRoot, makers }: { readonly isRoot: boolean; readonly makers: number },
  ) {
    this.#makers = makers;
    this.version = layout.version;
    const below = (mount: string) => join(mount, parent);
    const v2 = layout.version === 2 && layout.unified !== null ? below(layout.unified) : null;
    const usable =
      v2 && canMakeIn(v2)
        ? delegated(layout.unified ?? '', v2).map((name) => [name, v2] as const)
        : Object.entries(layout.v1)
            .map(([name, mount]) => [name, below(mount)] as const)
            .filter(([, path]) => canMakeIn(path));
    this.#of = Object.fromEntries(usable);
    // Beside version 1 it has no controllers, but kills all of a cgroup at once; only root may move processes into it.
    const killer = v2 ?? (isRoot && layout.unified !== null ? below(layout.unified) : null);
    this.#unified = killer !== null && canMakeIn(killer) ? killer : null;
    this.#parents = [
      ...new Set([...usable.map(([, path]) => path), ...(this.#unified ? [this.#unified] : [])]),
    ];
    if (usable.length === 0) throw new SandboxError('UNSUPPORTED', `no cgroup can be made below ${parent}`);
  }

  /** Files that a process writes itself into. */
  procsFiles(name: string): string[] {
    return this.#parents.map((parent) => join(parent, name, 'cgroup.procs'));
  }

  /** What the guest may see of its own, as pairs of host and guest path: the agent finds its limit and counts kills there. */
  views(name: string): [source: string, target: string][] {
    const { memory } = this.#of;
    if (memory === undefined) return [];
    return [[join(memory, name), this.version === 2 ? '/sys/fs/cgroup' : '/sys/fs/cgroup/memory']];
  }

  /** Makes it where it is not there, with its limits. */
  ensure(name: string, limits: LimitsSpec): void {
    for (const parent of this.#parents) mkdirSync(join(parent, name), { recursive: true });
    const { memoryBytes, cpus, pids } = limits;
    if (memoryBytes !== null) this.#limitMemory(name, memoryBytes);
    if (cpus !== null) this.#limitCpus(name, cpus);
    if (pids !== null) this.#write('pids', name, 'pids.max', pids + this.#ownPids);
  }

  /** What the kernel says of its limits; null where there is none. */
  limits(name: string): { memoryBytes: number | null; cpus: number | null; pids: number | null } {
    const v2 = this.version === 2;
    const pids = number(this.#read('pids', name, 'pids.max'));
    const [quota, period] = v2
      ? this.#read('cpu', name, 'cpu.max').split(' ')
      : [this.#read('cpu', name, 'cpu.cfs_quota_us'), this.#read('cpu', name, 'cpu.cfs_period_us')];
    const share = number(quota) === null ? null : Number(quota) / Number(period);
    return {
      memoryBytes: number(this.#read('memory', name, v2 ? 'memory.max' : 'memory.limit_in_bytes')),
      cpus: share !== null && share > 0 ? share : null,
      pids: pids === null ? null : pids - this.#ownPids,
    };
  }

  /** Whether swap counts: false where the kernel does not account it. */
  limitsSwap(name: string): boolean {
    const file = this.version === 2 ? 'memory.swap.max' : 'memory.memsw.limit_in_bytes';
    return this.#read('memory', name, file) !== '' || !/\n\S/.test(readText('/proc/swaps'));
  }

  has(controller: CgroupController): boolean {
    return this.#of[controller] !== undefined;
  }

  stats(name: string): SandboxStats {
    const v2 = this.version === 2;
    const used = number(this.#read('memory', name, v2 ? 'memory.current' : 'memory.usage_in_bytes'));
    const stat = this.#read('memory', name, 'memory.stat');
    const cache = number(new RegExp(`^${v2 ? '' : 'total_'}inactive_file (\\d+)`, 'm').exec(stat)?.[1]) ?? 0;
    const nanoseconds = number(this.#read('cpuacct', name, 'cpuacct.usage'));
    const microseconds = number(/^usage_usec (\d+)/m.exec(this.#read('cpu', name, 'cpu.stat'))?.[1]);
    return {
      memoryBytes: used === null ? null : Math.max(used - cache, 0),
      memoryLimitBytes: this.limits(name).memoryBytes,
      cpuMs: v2 ? microseconds && microseconds / 1e3 : nanoseconds && nanoseconds / 1e6,
      pids: number(this.#read('pids', name, 'pids.current')),
    };
  }

  /** Kills all that is in it, and returns when nothing is. */
  async kill(name: string, signal?: AbortSignal): Promise<void> {
    for (let round = 0; ; round += 1) {
      signal?.throwIfAborted();
      const pids = this.#processes(name);
      if (pids.length === 0) return;
      if (this.#unified) writeQuietly(join(this.#unified, name, 'cgroup.kill'), '1');
      if (round > 0 || !this.#unified) for (const pid of pids) killQuietly(pid);
      await sleep(round === 0 ? 1 : 3);
    }
  }

  /** Kills what is in it, and removes it. */
  async remove(name: string, signal?: AbortSignal): Promise<void> {
    for (;;) {
      await this.kill(name, signal);
      const left = this.#parents.map((parent) => join(parent, name)).filter((path) => !removed(path));
      if (left.length === 0) return;
      signal?.throwIfAborted();
      await sleep(3);
    }
  }

  names(): string[] {
    const found = this.#parents.flatMap((parent) =>
      readdirSync(parent, { withFileTypes: true }).filter((entry) => entry.isDirectory()),
    );
    return [...new Set(found.map((entry) => entry.name))];
  }

  /** What no other sandbox is in. */
  removeParents(): void {
    for (const parent of this.#parents) removed(parent);
  }

  /** What makes the jail counts in it. Version 2 shows the guest its number, which has to be the one that was asked for. */
  get #ownPids(): number {
    return this.version === 2 ? 0 : this.#makers;
  }

  #limitMemory(name: string, bytes: number): void {
    if (this.version === 2) {
      this.#write('memory', name, 'memory.max', bytes);
      this.#writeIfThere(name, 'memory.swap.max', 0);
      return;
    }
    // The sum with swap must never be below the limit itself, so one that is set already is lifted first.
    this.#writeIfThere(name, 'memory.memsw.limit_in_bytes', -1);
    this.#write('memory', name, 'memory.limit_in_bytes', bytes);
    this.#writeIfThere(name, 'memory.memsw.limit_in_bytes', bytes);
  }

  #limitCpus(name: string, cpus: number): void {
    const quota = Math.max(1_000, Math.round(cpus * 100_000));
    if (this.version === 2) this.#write('cpu', name, 'cpu.max', `${quota} 100000`);
    else {
      this.#write('cpu', name, 'cpu.cfs_period_us', 100_000);
      this.#write('cpu', name, 'cpu.cfs_quota_us', quota);
    }
  }

  #processes(name: string): number[] {
    return [...new Set(this.procsFiles(name).flatMap((file) => readText(file).split('\n')))]
      .map(Number)
      .filter((pid) => pid > 0);
  }

  #write(controller: CgroupController, name: string, file: string, value: number | string): void {
    writeFileSync(join(this.#of[controller] ?? '', name, file), String(value));
  }

  #writeIfThere(name: string, file: string, value: number): void {
    if (existsSync(join(this.#of.memory ?? '', name, file))) this.#write('memory', name, file, value);
  }

  #read(controller: CgroupController, name: string, file: string): string {
    const parent = this.#of[controller];
    return parent === undefined ? '' : readText(join(parent, name, file)).trim();
  }
}

function canMakeIn(path: string): boolean {
  const trial = join(path, `trial-${process.pid}`);
  try {
    mkdirSync(trial, { recursive: true });
    rmdirSync(trial);
    return true;
  } catch {
    return false;
  }
}

/** Hands the controllers down from the mount to the parent, as far as this is allowed, and returns those that arrive. */
function delegated(mount: string, parent: string): string[] {
  const steps = parent.slice(mount.length).split('/').filter(Boolean);
  let path = mount;
  for (const step of ['', ...steps]) {
    path = join(path, step);
    for (const name of ['memory', 'pids', 'cpu'])
      writeQuietly(join(path, 'cgroup.subtree_control'), `+${name}`);
  }
  return readText(join(parent, 'cgroup.subtree_control')).trim().split(' ').filter(Boolean);
}

function number(text: string | undefined): number | null {
  // Version 1 says "no limit" with the largest multiple of the page size.
  return text !== undefined && /^\d+$/.test(text) && Number(text) < 2 ** 62 ? Number(text) : null;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function writeQuietly(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch {
    // Not ours to write, or gone.
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone.
  }
}

function removed(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
