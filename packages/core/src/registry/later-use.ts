import type { SandboxRecord } from './registry.ts';

type Use = Pick<SandboxRecord, 'lastUsedAt' | 'lastUsedBoot'>;

/** Of two uses, what is known of the later one. Each clock by itself: where the wall clock was set back, the other still tells. Pure. */
export function laterUse(known: Use, given: Use): Use {
  const lastUsedAt = new Date(Math.max(known.lastUsedAt.getTime(), given.lastUsedAt.getTime()));
  const lastUsedBoot = laterReading(known.lastUsedBoot, given.lastUsedBoot);
  return { lastUsedAt, ...(lastUsedBoot && { lastUsedBoot }) };
}

/** A reading can only be of the boot that is running, so another boot's is an earlier one. */
function laterReading(known: Use['lastUsedBoot'], given: Use['lastUsedBoot']): Use['lastUsedBoot'] {
  if (known === undefined || given === undefined) return given ?? known;
  return known.bootId === given.bootId && known.elapsedMs > given.elapsedMs ? known : given;
}

/** However the clock was set: what is used was made before. What was never used may be taken for half made. Pure. */
export function afterMaking(at: Date, createdAt: Date): Date {
  return at > createdAt ? at : new Date(createdAt.getTime() + 1);
}
