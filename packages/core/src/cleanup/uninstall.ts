import { setTimeout as sleep } from 'node:timers/promises';
import type { RuntimeAdapter } from '../adapter/adapter.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { isThere } from '../kept/find-sandbox.ts';
import { removeSandbox } from '../launch/launch.ts';
import { LABEL } from '../naming/labels.ts';
import type { Services } from '../services/services.ts';
import { onlyAvailable } from '../services/unavailable.ts';
import { type Belonging, belongingsAt } from './belongings.ts';

/** An engine lets go of a volume or an image a moment after it has told of the removal of what used it. */
const ROUNDS = 8;
const PAUSE_MS = 250;

export interface UninstallOptions {
  /** Called with the reason for each of several runtimes that could not be asked: what they have is still there. */
  readonly onUnavailable?: (reason: SandboxError) => void;
  readonly signal?: AbortSignal;
}

export interface UninstallReport {
  readonly removed: readonly Belonging[];
  /** What is there after all, and why. */
  readonly left: readonly (Belonging & { readonly error: string })[];
}

/**
 * Removes all that is ours in this scope: sandboxes, running ones too, their volumes, the agents, networks, images that we built. What was removed has been seen to be
 * gone. Images that were only pulled stay.
 */
export async function uninstall(services: Services, options: UninstallOptions): Promise<UninstallReport> {
  const reports = await onlyAvailable(services, options, async (adapter) => {
    const there = await isThere(services, adapter, 'uninstall', options.signal);
    return there ? uninstallAt(services, adapter, options.signal) : { removed: [], left: [] };
  });
  return {
    removed: reports.flatMap(({ removed }) => removed),
    left: reports.flatMap(({ left }) => left),
  };
}

async function uninstallAt(
  services: Services,
  adapter: RuntimeAdapter,
  signal: AbortSignal | undefined,
): Promise<UninstallReport> {
  // What an adapter keeps for all, no scope can call its own.
  const isOurs = ({ kind, built }: Belonging) =>
    kind === 'image' ? built === true : kind !== 'extra' || services.scope === undefined;
  const look = async () => (await belongingsAt(services, adapter, { sizes: false, signal })).filter(isOurs);
  const before = await look();
  const errors = new Map<string, string>();
  let left: readonly Belonging[] = before;
  for (let round = 1; left.length > 0 && round <= ROUNDS; round += 1) {
    if (round > 1) await sleep(PAUSE_MS, undefined, { signal });
    errors.clear();
    for (const belonging of left) {
      await removeOne(services, adapter, belonging, signal).catch((error) =>
        errors.set(keyOf(belonging), reasonOf(error)),
      );
    }
    await sweepAll(services, adapter, signal);
    left = await look();
  }
  if (before.length === 0) await sweepAll(services, adapter, signal);
  const stillThere = new Set(left.map(keyOf));
  return {
    removed: before.filter((belonging) => !stillThere.has(keyOf(belonging))),
    left: left.map((belonging) => ({
      ...belonging,
      error: errors.get(keyOf(belonging)) ?? 'something still uses it',
    })),
  };
}

async function removeOne(
  services: Services,
  adapter: RuntimeAdapter,
  { kind, name }: Belonging,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (kind === 'sandbox') await removeSandbox(services, adapter, name, { volumes: true, signal });
  if (kind === 'volume') await adapter.volumes?.remove(name, { signal });
  if (kind === 'image') await adapter.images?.remove(name, { signal });
}

async function sweepAll(
  { scope }: Services,
  adapter: RuntimeAdapter,
  signal: AbortSignal | undefined,
): Promise<void> {
  await adapter.sweep?.(scope === undefined ? {} : { [LABEL.scope]: scope }, { all: true, signal });
}

function keyOf({ kind, name }: Belonging): string {
  return `${kind} ${name}`;
}

function reasonOf(error: unknown): string {
  return SandboxError.is(error) || error instanceof Error ? error.message : String(error);
}
