import type { RuntimeAdapter, SandboxInfo } from '../adapter/adapter.ts';
import type { VolumeInfo } from '../adapter/volumes.ts';
import { detachedUse } from '../detached/detached-use.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { unavailable } from '../kept/find-sandbox.ts';
import { removeSandbox } from '../launch/launch.ts';
import { homesAt, isOfNewOne, missingSandboxes } from '../lifecycle/homes.ts';
import {
  type CleanupChoice,
  type CleanupPolicy,
  type CleanupSelection,
  selectForCleanup,
} from '../lifecycle/select-for-cleanup.ts';
import type { CleanupOptions, CleanupReport } from '../manager/sandboxes.ts';
import { LABEL } from '../naming/labels.ts';
import type { SandboxRecord } from '../registry/registry.ts';
import type { Services } from '../services/services.ts';
import { type Candidate, type Candidates, candidatesAt } from './cleanup-candidates.ts';

/** How many are removed at the same time. */
const AT_ONCE = 8;

/** Removes what dead owners left behind, and what nobody has used for long. */
export async function cleanUp(services: Services, options: CleanupOptions): Promise<CleanupReport> {
  const { candidates, unknown, reached, unreachable } = await collect(services, options);
  const report = await cleanUpAmong(services, { candidates, unknown }, options);
  if (!options.dryRun) await Promise.all(reached.map((adapter) => sweep(services, adapter, options.signal)));
  const unasked = unreachable
    .filter(({ user }) => options.user === undefined || options.user === user)
    .map(({ name, runtime }) => ({ name, reason: `${runtime} was not asked, or does not answer` }));
  return { ...report, kept: [...report.kept, ...unasked] };
}

/** The automatic sweep of one runtime, by whoever begins to use it. */
export async function sweepRuntime(
  services: Services,
  adapter: RuntimeAdapter,
  signal: AbortSignal,
): Promise<void> {
  const listed = await listAt(adapter, signal);
  const records = await services.registry.list();
  await cleanUpAmong(
    services,
    candidatesAt(services, adapter, withMissing(adapter, listed, records), records),
    {
      mode: 'automatic',
      signal,
    },
  );
  await sweep(services, adapter, signal);
}

/** What belongs to no sandbox any more is no sandbox's failure, and tried again the next time. */
async function sweep(
  { scope }: Services,
  adapter: RuntimeAdapter,
  signal: AbortSignal | undefined,
): Promise<void> {
  await adapter.sweep?.(scope === undefined ? {} : { [LABEL.scope]: scope }, { signal }).catch(() => {});
}

async function cleanUpAmong(
  services: Services,
  { candidates, unknown }: Candidates,
  options: CleanupOptions,
): Promise<CleanupReport> {
  const { dryRun = false, user } = options;
  const ours = user === undefined ? candidates : candidates.filter(({ record }) => record.user === user);
  const clock = services.clock();
  const selection = selectForCleanup(ours, policyFor(services, options), clock);
  const adapters = new Map(ours.map(({ record, adapter }) => [record, adapter]));
  if (!dryRun) {
    await keepRecords(services, selection, unknown, clock);
    await forget(services, selection.forget, adapters, options.signal);
  }
  const outcome = await removeAll(selection.remove, AT_ONCE, async (choice) => {
    const adapter = adapters.get(choice.record);
    return adapter === undefined ? null : removeUnlessUsed(services, adapter, choice, options);
  });
  return {
    ...outcome,
    marked: selection.mark.map(({ name }) => name),
    kept: [...selection.keep.map(({ record, reason }) => ({ name: record.name, reason })), ...outcome.kept],
    adopted: unknown.map(({ name }) => name),
  };
}

function policyFor({ settings: { cleanup } }: Services, options: CleanupOptions): CleanupPolicy {
  const { idleDays = cleanup.idleDays, includeProtected = false, mode = 'manual' } = options;
  return { idleDays, protectFullTrust: !includeProtected, mode };
}

/** What was found out without removing anything. */
async function keepRecords(
  { registry }: Services,
  { mark }: CleanupSelection,
  unknown: readonly SandboxRecord[],
  { now, boot }: ReturnType<Services['clock']>,
): Promise<void> {
  for (const record of unknown) await registry.put(record);
  for (const { name } of mark) await registry.mark(name, { at: now, boot });
}

/** What could not be looked at is looked at the next time. */
async function forget(
  { registry }: Services,
  records: readonly SandboxRecord[],
  adapters: ReadonlyMap<SandboxRecord, RuntimeAdapter>,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const record of records) {
    try {
      await removeNewVolumes(adapters.get(record), record, signal);
      await registry.remove(record.name, record.instance);
    } catch {
      if (signal?.aborted) return;
    }
  }
}

/** Those that were made together with a sandbox that never ran. An older home is that of an earlier one, which was to be made again: true where there is one, so that it is missing now. */
async function removeNewVolumes(
  adapter: RuntimeAdapter | undefined,
  record: SandboxRecord,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const volumes = (await adapter?.volumes?.list({ [LABEL.name]: record.name }, { signal })) ?? [];
  const ofNewOne = volumes.filter((volume) => isOfNewOne(volume, record));
  for (const { name } of ofNewOne) await adapter?.volumes?.remove(name, { signal });
  return volumes.length > ofNewOne.length;
}

/** Some at a time, and on after a failure. */
async function removeAll(
  choices: readonly CleanupChoice[],
  atOnce: number,
  remove: (choice: CleanupChoice) => Promise<string | null>,
): Promise<Pick<CleanupReport, 'removed' | 'kept' | 'failed' | 'reasons'>> {
  const removed: string[] = [];
  const kept: { name: string; reason: string }[] = [];
  const failed: { name: string; error: string }[] = [];
  const left = [...choices];
  const worker = async (): Promise<void> => {
    for (let choice = left.shift(); choice !== undefined; choice = left.shift()) {
      const { name } = choice.record;
      try {
        const reason = await remove(choice);
        if (reason === null) removed.push(name);
        else kept.push({ name, reason });
      } catch (error) {
        failed.push({ name, error: error instanceof Error ? error.message : String(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const gone = new Set([...removed, ...failed.map(({ name }) => name)]);
  const chosen = choices.filter(({ record }) => gone.has(record.name));
  const reasons = Object.fromEntries(chosen.map(({ record, reason }) => [record.name, reason]));
  return { removed: removed.sort(), kept, failed, reasons };
}

/** Null when it is gone. */
async function removeUnlessUsed(
  services: Services,
  adapter: RuntimeAdapter,
  { record, volumes, orphaned }: CleanupChoice,
  { dryRun, signal }: CleanupOptions,
): Promise<string | null> {
  const use =
    record.lifecycle === 'long-lived'
      ? await usedSince(services, adapter, { record, orphaned }, signal)
      : null;
  if (dryRun) return use?.reason ?? null;
  if (use?.isNow) {
    // However long ago it was begun.
    const { now, boot } = services.clock();
    await services.registry.touch(record.name, now, boot);
  }
  if (use !== null) return use.reason;
  if (volumes) {
    await removeSandbox(services, adapter, record.name, { volumes, signal });
    return null;
  }
  await adapter.remove(record.name, { volumes, signal });
  const isMissing = await removeNewVolumes(adapter, record, signal);
  if (!isMissing) await services.registry.remove(record.name, record.instance);
  return null;
}

/** Looks once more, for somebody may have opened it since, and for what runs in it without anybody. Null when it may go. */
async function usedSince(
  services: Services,
  adapter: RuntimeAdapter,
  { record, orphaned = false }: Pick<CleanupChoice, 'record' | 'orphaned'>,
  signal: AbortSignal | undefined,
): Promise<{ reason: string; isNow: boolean } | null> {
  const { name } = record;
  const info = await adapter.inspect(name, { signal }).catch(ignoreNotFound);
  if ((info?.sessions ?? 0) > 0 || isHeld(services, name)) return { reason: 'in use', isNow: true };
  if (orphaned && info !== undefined && info.sessions === undefined)
    return { reason: 'its program has ended; whether another one uses it cannot be told', isNow: false };
  const detached = info && (await detachedUse(services, adapter, info));
  if (detached) return { reason: detached.reason, isNow: detached.isCertain };
  // Whoever opens one says so first.
  const known = await services.registry.get(name);
  return known !== undefined && wasUsedSince(known, record)
    ? { reason: 'used just now', isNow: false }
    : null;
}

function wasUsedSince(now: SandboxRecord, before: SandboxRecord): boolean {
  if (now.lastUsedAt > before.lastUsedAt) return true;
  const [boot, earlier] = [now.lastUsedBoot, before.lastUsedBoot];
  return boot !== undefined && (boot.bootId !== earlier?.bootId || boot.elapsedMs > earlier.elapsedMs);
}

/** All that registry and runtimes know in this scope, and the records whose runtime cannot be asked. */
async function collect(
  services: Services,
  { signal, onUnavailable }: CleanupOptions,
): Promise<Candidates & { reached: readonly RuntimeAdapter[]; unreachable: readonly SandboxRecord[] }> {
  const candidates: Candidate[] = [];
  const unknown: SandboxRecord[] = [];
  const reached: RuntimeAdapter[] = [];
  const lists = await Promise.all(
    services.adapters.map((adapter) => listIfThere(services, adapter, { signal, onUnavailable })),
  );
  const records = await services.registry.list();
  for (const [index, adapter] of services.adapters.entries()) {
    const listed = lists[index];
    if (listed === undefined) continue;
    reached.push(adapter);
    const found = candidatesAt(services, adapter, withMissing(adapter, listed, records), records);
    candidates.push(...found.candidates);
    unknown.push(...found.unknown);
  }
  const answered = new Set(reached.map(({ runtime }) => runtime));
  const unreachable = records.filter(({ runtime }) => !answered.has(runtime));
  return { candidates, unknown, reached, unreachable };
}

/** Undefined for a runtime that is not there: what it has cannot be judged. */
async function listIfThere(
  services: Services,
  adapter: RuntimeAdapter,
  { signal, onUnavailable }: CleanupOptions,
): Promise<Listed | undefined> {
  try {
    const probe = await services.probes.probe(adapter, signal);
    if (probe.status === 'undetected') return undefined;
    if (probe.status === 'unhealthy') throw unavailable(adapter, probe, 'cleanup');
    return await listAt(adapter, signal);
  } catch (error) {
    if (signal?.aborted) throw error;
    onUnavailable?.(SandboxError.withContext(error, { operation: 'cleanup', runtime: adapter.runtime }));
    return undefined;
  }
}

interface Listed {
  readonly infos: readonly SandboxInfo[];
  readonly homes: readonly VolumeInfo[];
}

async function listAt(adapter: RuntimeAdapter, signal: AbortSignal | undefined): Promise<Listed> {
  const [infos, homes] = await Promise.all([adapter.list({}, { signal }), homesAt(adapter, {}, { signal })]);
  return { infos, homes };
}

/** Those too of which only the home is left. The records are read after the homes: who makes a sandbox records it first, and its home is not taken for one that was left. */
function withMissing(
  { runtime }: RuntimeAdapter,
  { infos, homes }: Listed,
  records: readonly SandboxRecord[],
): SandboxInfo[] {
  return [...infos, ...missingSandboxes(homes, runtime, { infos, records })];
}

function isHeld(services: Services, name: string): boolean {
  return [...services.held].some((handle) => handle.name === name);
}

function ignoreNotFound(error: unknown): undefined {
  if (SandboxError.is(error) && error.code === 'NOT_FOUND') return undefined;
  throw error;
}
