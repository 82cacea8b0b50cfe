import type { Sandbox, SandboxDetails, Sandboxes, SandboxStats } from '@sandbox/core';

/** One sandbox at one moment. What is not known, or not running, is null. Its keys are what `--json` prints. */
export interface StatsRow {
  readonly name: string;
  readonly runtime: string;
  readonly state: SandboxDetails['state'];
  /** Of one processor, since the sample before; null in the first. */
  readonly cpuPercent: number | null;
  readonly cpuMs: number | null;
  readonly memoryBytes: number | null;
  readonly memoryLimitBytes: number | null;
  readonly pids: number | null;
}

const NOTHING: SandboxStats = { cpuMs: null, memoryBytes: null, memoryLimitBytes: null, pids: null };

interface Reading {
  readonly cpuMs: number;
  readonly atMs: number;
}

/** Asks again and again, and compares with what it was told before. */
export class Sampler {
  readonly #sandboxes: Sandboxes;
  readonly #names: ReadonlySet<string> | null;
  readonly #handles = new Map<string, Sandbox>();
  readonly #readings = new Map<string, Reading>();

  /** `names`: only these; null: all that there are, at each moment. */
  constructor(sandboxes: Sandboxes, names: readonly string[] | null) {
    this.#sandboxes = sandboxes;
    this.#names = names && new Set(names);
  }

  async sample(signal?: AbortSignal): Promise<StatsRow[]> {
    const list = await this.#sandboxes.list({ signal, onUnavailable: () => {} });
    const wanted = list.filter(({ name }) => this.#names?.has(name) ?? true);
    return Promise.all(wanted.map((details) => this.#rowOf(details)));
  }

  async #rowOf({ name, runtime, state }: SandboxDetails): Promise<StatsRow> {
    const stats = state === 'running' ? await this.#statsOf(name) : NOTHING;
    const { cpuMs, memoryBytes, memoryLimitBytes, pids } = stats;
    const cpuPercent = this.#percentOf(name, cpuMs);
    return { name, runtime, state, cpuPercent, cpuMs, memoryBytes, memoryLimitBytes, pids };
  }

  /** One that stops, or is removed, while we ask has nothing to tell. Of all, one whose guest does not let it tell must not hide the others. */
  async #statsOf(name: string): Promise<SandboxStats> {
    try {
      const handle = this.#handles.get(name) ?? (await this.#sandboxes.get(name));
      this.#handles.set(name, handle);
      return await handle.stats();
    } catch (error) {
      const { SandboxError } = await import('@sandbox/core');
      if (!SandboxError.is(error)) throw error;
      const ended = error.code === 'NOT_FOUND' || error.code === 'FAILED_PRECONDITION';
      if (!ended && this.#names !== null) throw error;
      return NOTHING;
    }
  }

  /** A count that went back is that of a sandbox which was started anew. */
  #percentOf(name: string, cpuMs: number | null): number | null {
    const before = this.#readings.get(name);
    const atMs = performance.now();
    if (cpuMs === null) this.#readings.delete(name);
    else this.#readings.set(name, { cpuMs, atMs });
    if (before === undefined || cpuMs === null || cpuMs < before.cpuMs || atMs <= before.atMs) return null;
    return ((cpuMs - before.cpuMs) / (atMs - before.atMs)) * 100;
  }
}
