import type { RuntimeAdapter } from '../adapter/adapter.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import type { Services } from '../services/services.ts';
import { type Belonging, listBelongings } from './belongings.ts';

/** A layer that was built just now is about to be used. */
const NEW_MS = 600_000;

export interface PruneOptions {
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean;
  /** Called with the reason for each of several runtimes that could not be asked. */
  readonly onUnavailable?: (reason: SandboxError) => void;
  readonly signal?: AbortSignal;
}

export interface PruneReport {
  readonly removed: readonly Belonging[];
  readonly kept: readonly (Belonging & { readonly reason: string })[];
  readonly failed: readonly (Belonging & { readonly error: string })[];
}

/** Removes images that we built and no sandbox is made from; the next sandbox that needs one builds it again. Those of languages, which no sandbox builds, stay. */
export async function pruneImages(services: Services, options: PruneOptions): Promise<PruneReport> {
  const { dryRun = false, signal } = options;
  const belongings = await listBelongings(services, { ...options, sizes: false });
  const now = services.clock().now.getTime();
  const removed: Belonging[] = [];
  const kept: (Belonging & { reason: string })[] = [];
  const failed: (Belonging & { error: string })[] = [];
  for (const image of belongings.filter(({ kind, built }) => kind === 'image' && built)) {
    const age = image.createdAt === undefined ? NEW_MS : now - image.createdAt.getTime();
    if (image.inUse) kept.push({ ...image, reason: 'in use' });
    else if (image.language !== undefined) kept.push({ ...image, reason: `what ${image.language} runs in` });
    else if (age < NEW_MS) kept.push({ ...image, reason: 'built just now' });
    else if (dryRun) removed.push(image);
    else {
      const outcome = await remove(services.adapters, image, signal);
      if (outcome === 'removed') removed.push(image);
      else if (outcome === 'in use') kept.push({ ...image, reason: outcome });
      else failed.push({ ...image, error: outcome.error });
    }
  }
  return { removed, kept, failed };
}

/** The engine knows best whether something needs it: a sandbox of another scope, an image on top of it. */
async function remove(
  adapters: readonly RuntimeAdapter[],
  { runtime, name }: Belonging,
  signal: AbortSignal | undefined,
): Promise<'removed' | 'in use' | { readonly error: string }> {
  try {
    await adapters.find((adapter) => adapter.runtime === runtime)?.images?.remove(name, { signal });
    return 'removed';
  } catch (error) {
    if (SandboxError.is(error) && error.code === 'FAILED_PRECONDITION') return 'in use';
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
