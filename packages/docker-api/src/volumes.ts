import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CallOptions,
  LABEL,
  type ListCallOptions,
  SandboxError,
  type VolumeInfo,
  type VolumeStore,
} from '@sandbox/core';
import type { EngineClient } from './client.ts';
import { messageOf, saysGone, statusOf } from './errors.ts';
import { isOurs } from './inspect.ts';

const LETTING_GO_MS = 3_000;
const LOOK_AGAIN_MS = 50;

interface VolumeAnswer {
  Name: string;
  CreatedAt?: string;
  Labels?: Record<string, string> | null;
  /** -1: not known. */
  UsageData?: { Size?: number } | null;
}

/** Volumes that were ours when they were last described. */
const ours = new WeakMap<EngineClient, Set<string>>();

/** Named volumes with our label. */
export class EngineVolumes implements VolumeStore {
  readonly #client: EngineClient;

  constructor(client: EngineClient) {
    this.#client = client;
  }

  async ensure(
    name: string,
    labels: Readonly<Record<string, string>>,
    options?: CallOptions,
  ): Promise<VolumeInfo> {
    return (await this.make(name, labels, options)).volume;
  }

  /** As `ensure`, and whether it was not there before. */
  async make(
    name: string,
    labels: Readonly<Record<string, string>>,
    options: CallOptions = {},
  ): Promise<{ volume: VolumeInfo; made: boolean }> {
    const operation = 'volumes.ensure';
    const call = { ...options, operation };
    const known = await this.#find(name, call);
    const { answer, made } =
      known === null ? await this.#create(name, labels, call) : { answer: known, made: false };
    // Somebody else may have made one of this name between the two calls; the answer is then theirs.
    if (!isOurs(answer.Labels)) throw this.#foreign(name, operation, 'ALREADY_EXISTS');
    return { volume: infoOf(answer), made };
  }

  /** Podman refuses one that another program makes at this moment; Docker gives what is there. */
  async #create(
    name: string,
    labels: Readonly<Record<string, string>>,
    call: CallOptions & { readonly operation: string },
  ): Promise<{ answer: VolumeAnswer; made: boolean }> {
    try {
      const body = { Name: name, Labels: { ...labels, [LABEL.managed]: 'true' } };
      const request = { ...call, method: 'POST', path: '/volumes/create', body } as const;
      return { answer: await this.#client.json<VolumeAnswer>(request), made: true };
    } catch (error) {
      const there = /already exists/i.test(messageOf(error)) ? await this.#find(name, call) : null;
      if (there === null) throw error;
      return { answer: there, made: false };
    }
  }

  /** As `ensure`, for one that is mounted again and again: what this program knows to be ours is not described to it again where that costs the engine much. */
  async keep(
    name: string,
    labels: Readonly<Record<string, string>>,
    options: CallOptions = {},
  ): Promise<void> {
    const known = ours.get(this.#client) ?? new Set();
    ours.set(this.#client, known);
    const { native } = this.#client.dialect;
    if (native && known.has(name)) {
      const request = { ...options, operation: 'volumes.ensure', path: native.volumeExistsPath(name) };
      if (await unlessMissing(this.#client.head({ ...request, method: 'GET' }))) return;
    }
    known.delete(name);
    await this.ensure(name, labels, options);
    known.add(name);
  }

  async remove(name: string, options: CallOptions = {}): Promise<void> {
    const operation = 'volumes.remove';
    const known = await this.#find(name, { ...options, operation });
    if (!known) return;
    if (!isOurs(known.Labels)) throw this.#foreign(name, operation, 'FAILED_PRECONDITION');
    try {
      await this.#client.json({ ...options, operation, method: 'DELETE', path: pathOf(name) });
    } catch (error) {
      if (!saysGone(error)) throw error;
    }
  }

  /** Of a sandbox that has just been removed: an engine lets go of a volume a moment after it has told of the container's removal. */
  async removeOf(sandbox: string, options: CallOptions = {}): Promise<void> {
    const end = performance.now() + LETTING_GO_MS;
    for (const { name } of await this.list({ [LABEL.name]: sandbox }, options)) {
      while (!(await this.#removeUnlessInUse(name, options, performance.now() > end))) {
        await sleep(LOOK_AGAIN_MS, undefined, { signal: options.signal ?? undefined });
      }
    }
  }

  /** False while it is in use, which is an error at last. */
  async #removeUnlessInUse(name: string, options: CallOptions, atLast: boolean): Promise<boolean> {
    try {
      await this.remove(name, options);
      return true;
    } catch (error) {
      if (atLast || !SandboxError.is(error) || error.code !== 'FAILED_PRECONDITION') throw error;
      return false;
    }
  }

  async list(
    labels: Readonly<Record<string, string>> = {},
    { signal, sizes = false }: ListCallOptions = {},
  ): Promise<VolumeInfo[]> {
    const call = { signal, operation: 'volumes.list', method: 'GET' } as const;
    const list = async (request: { path: string; query: Record<string, string>; timeoutMs?: null }) =>
      (await this.#client.json<{ Volumes?: VolumeAnswer[] | null }>({ ...call, ...request })).Volumes ?? [];
    const [known, measured] = await Promise.all([
      list({ path: '/volumes', query: { filters: labelFilter(labels) } }),
      // The engine measures all volumes or none. It takes as long as it takes; the caller's signal ends it. Podman tells no labels there.
      sizes ? list({ path: '/system/df', query: { type: 'volume' }, timeoutMs: null }) : [],
    ]);
    const usage = new Map(measured.map(({ Name, UsageData }) => [Name, UsageData]));
    // Engines do not agree on whether a volume has to have all of several labels.
    const wanted = Object.entries({ ...labels, [LABEL.managed]: 'true' });
    return known
      .map((answer) => infoOf({ ...answer, UsageData: usage.get(answer.Name) ?? null }))
      .filter((volume) => wanted.every(([key, value]) => volume.labels[key] === value));
  }

  async #find(
    name: string,
    request: { operation: string; signal?: AbortSignal | undefined },
  ): Promise<VolumeAnswer | null> {
    return unlessMissing(this.#client.json<VolumeAnswer>({ ...request, method: 'GET', path: pathOf(name) }));
  }

  #foreign(name: string, operation: string, code: 'ALREADY_EXISTS' | 'FAILED_PRECONDITION'): SandboxError {
    const { runtime, title, command } = this.#client.dialect;
    return new SandboxError(code, `${title} has a volume ${name} that is not ours`, {
      operation,
      runtime,
      hint: `look at it with \`${command} volume inspect ${name}\`; rename or remove it`,
    });
  }
}

async function unlessMissing<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw error;
  }
}

/** The value of a `filters` parameter: everything that is ours and carries these labels. */
export function labelFilter(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries({ ...labels, [LABEL.managed]: 'true' });
  return JSON.stringify({ label: pairs.map(([key, value]) => `${key}=${value}`) });
}

function pathOf(name: string): string {
  return `/volumes/${encodeURIComponent(name)}`;
}

function infoOf(answer: VolumeAnswer): VolumeInfo {
  const sizeBytes = answer.UsageData?.Size ?? -1;
  return {
    name: answer.Name,
    labels: answer.Labels ?? {},
    ...(answer.CreatedAt !== undefined && { createdAt: new Date(answer.CreatedAt) }),
    ...(sizeBytes >= 0 && { sizeBytes }),
  };
}
