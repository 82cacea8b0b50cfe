import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CallOptions,
  type ListCallOptions,
  SandboxError,
  type VolumeInfo,
  type VolumeStore,
  validateName,
} from '@sandbox/core';
import { listed, makeOwned, readJson, writeJson } from './directories.ts';
import type { IdRanges, Ids } from './ids.ts';
import { sizeOf } from './sizes.ts';
import type { StateDirectory } from './state.ts';

interface VolumeRecord {
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: string;
  /** The range of ids that its files belong to; none where guests are the caller, or before its first use. */
  readonly base?: number | undefined;
}

type Call = <T>(
  operation: string,
  name: string | undefined,
  call: CallOptions | undefined,
  body: (signal: AbortSignal) => T | Promise<T>,
) => Promise<Awaited<T>>;

const NAME = /^\w[\w.-]*$/;

/** Volumes are directories. One that sandboxes share gives them its range of ids, so that they can share files. */
export class DirectoryVolumes implements VolumeStore {
  readonly #state: StateDirectory;
  readonly #ranges: IdRanges;
  readonly #call: Call;

  constructor(state: StateDirectory, ranges: IdRanges, call: Call) {
    this.#state = state;
    this.#ranges = ranges;
    this.#call = call;
  }

  ensure(name: string, labels: Readonly<Record<string, string>>, call?: CallOptions): Promise<VolumeInfo> {
    return this.#call('volumes.ensure', undefined, call, () => this.make(validateName(name), labels));
  }

  remove(name: string, call?: CallOptions): Promise<void> {
    return this.#call('volumes.remove', undefined, call, async () => {
      const record = this.#read(name);
      if (record === undefined && !this.isDamaged(name)) return;
      const user = this.#state
        .names()
        .find((sandbox) =>
          this.#state
            .read(sandbox)
            ?.spec.mounts.some((mount) => mount.type === 'volume' && mount.volume === name),
        );
      if (user !== undefined) {
        throw new SandboxError('FAILED_PRECONDITION', `the volume ${name} is in use by ${user}`, {
          sandbox: user,
        });
      }
      await this.#state.remove(this.#path(name));
      if (record?.base !== undefined) this.#ranges.release(record.base, this.#owner(name));
    });
  }

  list(labels: Readonly<Record<string, string>> = {}, call: ListCallOptions = {}): Promise<VolumeInfo[]> {
    return this.#call('volumes.list', undefined, call, (signal) => {
      const volumes = listed(join(this.#state.directory, 'volumes'))
        .map((name) => ({ name, record: this.#read(name) }))
        .filter(({ record }) => record && carriesAll(record.labels, labels))
        .map(({ name, record }) => info(name, record as VolumeRecord));
      return call.sizes ? Promise.all(volumes.map((volume) => this.#measured(volume, signal))) : volumes;
    });
  }

  make(name: string, labels: Readonly<Record<string, string>>): VolumeInfo {
    const known = this.#read(name);
    if (known !== undefined) return info(name, known);
    // Whose it was is not known any more: nobody is given it.
    if (this.isDamaged(name)) this.#state.setAside('volumes', name);
    const record: VolumeRecord = { labels, createdAt: new Date().toISOString() };
    this.#state.shared('volumes', name, (draft) => {
      writeJson(join(draft, 'volume.json'), record, { flush: true });
    });
    return info(name, this.#read(name) ?? record);
  }

  /** Whether there is one of which nobody knows what it is. Lists cannot have it, for its labels are lost. */
  isDamaged(name: string): boolean {
    return NAME.test(name) && existsSync(this.#path(name)) && this.#read(name) === undefined;
  }

  /** The range that files in it belong to. */
  base(name: string): number | undefined {
    return this.#read(name)?.base;
  }

  /** Before its first use, and where its owner is another since. */
  give(name: string, base: number | undefined, owner: Ids): void {
    const record = this.#read(name);
    if (record && base !== undefined && record.base === undefined) {
      this.#ranges.share(base, this.#owner(name), this.#path(name));
      writeJson(join(this.#path(name), 'volume.json'), { ...record, base }, { flush: true });
    }
    const data = this.data(name);
    const has = existsSync(data) ? statSync(data) : undefined;
    if (has?.uid !== owner.uid || has.gid !== owner.gid) makeOwned(data, 0o755, owner);
  }

  data(name: string): string {
    return join(this.#path(name), 'data');
  }

  async #measured(volume: VolumeInfo, signal: AbortSignal): Promise<VolumeInfo> {
    const sizeBytes = await sizeOf(this.#path(volume.name), signal);
    return { ...volume, ...(sizeBytes !== undefined && { sizeBytes }) };
  }

  #path(name: string): string {
    return join(this.#state.directory, 'volumes', name);
  }

  #owner(name: string): string {
    return `${this.#state.key}-volume-${name}`;
  }

  #read(name: string): VolumeRecord | undefined {
    return NAME.test(name) ? readJson(join(this.#path(name), 'volume.json')) : undefined;
  }
}

export function carriesAll(
  has: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([name, value]) => has[name] === value);
}

function info(name: string, { labels, createdAt }: VolumeRecord): VolumeInfo {
  return { name, labels, createdAt: new Date(createdAt) };
}
