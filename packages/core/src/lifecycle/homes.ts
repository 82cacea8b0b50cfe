import type { RuntimeAdapter, SandboxInfo } from '../adapter/adapter.ts';
import type { CallOptions } from '../adapter/call-options.ts';
import type { VolumeInfo } from '../adapter/volumes.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { LABEL, parseLabels } from '../naming/labels.ts';
import type { SandboxRecord } from '../registry/registry.ts';
import { isUnused } from './select-for-cleanup.ts';

interface Known {
  /** What the runtime has. */
  readonly infos: readonly SandboxInfo[];
  readonly records: readonly SandboxRecord[];
}

/** The homes of long-lived sandboxes that a runtime has. */
export async function homesAt(
  { volumes }: RuntimeAdapter,
  labels: Readonly<Record<string, string>>,
  { signal }: CallOptions,
): Promise<readonly VolumeInfo[]> {
  return (await volumes?.list({ ...labels, [LABEL.lifecycle]: 'long-lived' }, { signal })) ?? [];
}

/**
 * Long-lived sandboxes of which a runtime has nothing but the home, whoever took the rest: `missing`. Each is listed, made again, cleaned up and removed by its name
 * and its owner, as if it were there. Pure.
 */
export function missingSandboxes(
  homes: readonly VolumeInfo[],
  runtime: string,
  { infos, records }: Known,
): SandboxInfo[] {
  if (homes.length === 0) return [];
  const there = new Set(infos.map(({ name }) => name));
  const known = new Map(records.map((record) => [record.name, record]));
  const missing = new Map<string, SandboxInfo>();
  for (const volume of homes) {
    const name = parseLabels(volume.labels)?.name;
    if (name === undefined || there.has(name) || isOfNewOne(volume, known.get(name))) continue;
    const record = known.get(name);
    missing.set(name, missingOf(name, volume, record?.runtime === runtime ? record : undefined));
  }
  return [...missing.values()];
}

/** A home that was nobody's is still called so where the sandbox was made again for somebody: his things are in it now. */
function missingOf(name: string, volume: VolumeInfo, record: SandboxRecord | undefined): SandboxInfo {
  const owner = record?.user == null ? {} : { [LABEL.user]: record.user };
  const labels = { ...owner, ...volume.labels };
  const createdAt = parseLabels(labels)?.createdAt ?? volume.createdAt;
  return { name, state: 'missing', labels, ...(createdAt && { createdAt }) };
}

/** The one of this name; `NOT_FOUND` where there is neither a sandbox nor a home. */
export async function inspectOrMissing(
  adapter: RuntimeAdapter,
  name: string,
  record: SandboxRecord | undefined,
  call: CallOptions,
): Promise<SandboxInfo> {
  try {
    return await adapter.inspect(name, call);
  } catch (error) {
    if (!SandboxError.is(error) || error.code !== 'NOT_FOUND') throw error;
    const homes = await homesAt(adapter, { [LABEL.name]: name }, call);
    const known = { infos: [], records: record === undefined ? [] : [record] };
    const [missing] = missingSandboxes(homes, adapter.runtime, known);
    if (missing === undefined) throw error;
    return missing;
  }
}

/** Whether it was made together with a sandbox that is just being made, or never was in the end. An older one is the home of an earlier sandbox. */
export function isOfNewOne({ labels }: VolumeInfo, record: SandboxRecord | undefined): boolean {
  if (record === undefined || !isUnused(record)) return false;
  return (
    labels[LABEL.instance] === record.instance && labels[LABEL.createdAt] === record.createdAt.toISOString()
  );
}
