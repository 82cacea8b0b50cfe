import type { SandboxState } from '../adapter/adapter.ts';
import type { BootClock } from '../naming/boot-clock.ts';
import { type InstanceVerdict, parseInstance } from '../naming/instance.ts';
import { isAtLeast } from '../policy/trust.ts';
import type { CleanupMark, SandboxRecord } from '../registry/registry.ts';

/** A sandbox of ours with all that decides whether it may go. `record.trust` is what holds now: the configuration's, and the recorded one for users no longer in it. */
export interface CleanupCandidate {
  readonly record: SandboxRecord;
  /** False: its owner's settings do not protect it, whatever the policy says. Default true. */
  readonly protectsFullTrust?: boolean | undefined;
  /** Of its `instance` label: `judgeInstance`. Read only where it matters, for finding it out asks the kernel. */
  readonly owner: InstanceVerdict;
  /** Undefined when the runtime does not know it: recorded, and then not made or gone. */
  readonly state?: SandboxState | undefined;
  /** Another registry, or none, records its use. Default false. */
  readonly isUsedElsewhere?: boolean | undefined;
  /** Whether it is a task's that ends with the program which made it. Default false. */
  readonly endsWithOwner?: boolean | undefined;
  /** Open sessions; undefined where the runtime cannot tell. */
  readonly sessions?: number | undefined;
}

export interface CleanupPolicy {
  /** Days without use; null keeps the idle. */
  readonly idleDays: number | null;
  /** Keep what belongs to trust full and above. */
  readonly protectFullTrust: boolean;
  /** `manual` removes at once; `automatic` marks first, and removes a day later what is still idle. */
  readonly mode: 'automatic' | 'manual';
}

export interface CleanupClock {
  readonly now: Date;
  readonly boot: BootClock;
}

export interface CleanupChoice {
  readonly record: SandboxRecord;
  /** For a person: `idle for 31 days`. */
  readonly reason: string;
  /** Whether its volumes go with it: of one that was being made only those that were made with it, for its home may be older. */
  readonly volumes: boolean;
  /** Its program has ended, but it was used within a day, perhaps by another one: it stays unless nobody is seen to have it open. */
  readonly orphaned?: boolean | undefined;
}

export interface CleanupSelection {
  readonly remove: readonly CleanupChoice[];
  /** To be marked in the registry; they are in `keep` too. */
  readonly mark: readonly SandboxRecord[];
  readonly keep: readonly CleanupChoice[];
  /** Recorded and not there, and nobody is about to make them: the record goes, and volumes that were made with one that was never used. Others may belong to one that is being made again. */
  readonly forget: readonly SandboxRecord[];
}

/** Chooses what cleanup removes. Every candidate is in `remove`, in `keep` or in `forget`. Pure. */
export function selectForCleanup(
  candidates: readonly CleanupCandidate[],
  policy: CleanupPolicy,
  clock: CleanupClock,
): CleanupSelection {
  const selection = {
    remove: [] as CleanupChoice[],
    mark: [] as SandboxRecord[],
    keep: [] as CleanupChoice[],
    forget: [] as SandboxRecord[],
  };
  for (const candidate of candidates) {
    const { record } = candidate;
    const { verdict, reason, volumes = verdict === 'remove', orphaned } = judge(candidate, policy, clock);
    if (verdict === 'forget') selection.forget.push(record);
    else
      selection[verdict === 'remove' ? 'remove' : 'keep'].push({
        record,
        reason,
        volumes,
        ...(orphaned && { orphaned }),
      });
    if (verdict === 'mark') selection.mark.push(record);
  }
  return selection;
}

const DAY_MS = 86_400_000;
/** For what carries our label but not the name of a program: it may be about to be made. */
const GRACE_MS = 60_000;
/** For what was recorded by a program that may still run, and is not there: making one takes less. */
const MAKING_MS = 600_000;

interface Judgement {
  readonly verdict: 'remove' | 'mark' | 'keep' | 'forget';
  readonly reason: string;
  readonly volumes?: false;
  readonly orphaned?: boolean;
}

const keep = (reason: string): Judgement => ({ verdict: 'keep', reason });
const remove = (reason: string): Judgement => ({ verdict: 'remove', reason });

function judge(candidate: CleanupCandidate, policy: CleanupPolicy, clock: CleanupClock): Judgement {
  const { record, sessions = 0 } = candidate;
  if (sessions > 0)
    return keep(`in use: ${sessions === 1 ? 'one open session' : `${sessions} open sessions`}`);
  if (record.condemned) return remove('its removal was begun');
  if (record.lifecycle === 'ephemeral') return judgeOrphan(candidate, clock);
  if (candidate.state === undefined)
    return mayBeMade(candidate, clock) ? keep('being made') : { verdict: 'forget', reason: 'not there' };
  if (isHalfMade(candidate) && candidate.owner === 'dead')
    return { ...remove('half made, and its program has ended'), volumes: false };
  if (candidate.endsWithOwner && candidate.owner === 'dead')
    return { ...remove('its program has ended'), orphaned: usedLately(record, clock) };
  const protectFullTrust = policy.protectFullTrust && (candidate.protectsFullTrust ?? true);
  return judgeIdle(candidate, { ...policy, protectFullTrust }, clock);
}

/** Whether somebody may be about to make what is recorded and not there. */
function mayBeMade({ record, owner }: CleanupCandidate, clock: CleanupClock): boolean {
  return owner !== 'dead' && idleMs(record, clock) < MAKING_MS;
}

/**
 * Whether its making was not finished: it never ran, and nobody has used it since it was recorded. Runtimes cannot tell one that lacks its last touches from one that is about to be
 * started.
 */
export function isHalfMade({ state, record }: Pick<CleanupCandidate, 'state' | 'record'>): boolean {
  return state === 'creating' || (state === 'created' && isUnused(record));
}

/** Whoever has started one says that it is used. */
export function isUnused({ createdAt, lastUsedAt }: SandboxRecord): boolean {
  return lastUsedAt <= createdAt;
}

/** Only what is proved to have no owner any more goes. */
function judgeOrphan({ record, owner }: CleanupCandidate, { now }: CleanupClock): Judgement {
  if (owner === 'dead') return remove('its program has ended');
  if (owner === 'alive') return keep('its program runs');
  if (parseInstance(record.instance) !== null) {
    return keep('made on another machine or in another container: whether its program runs cannot be told');
  }
  const age = now.getTime() - record.createdAt.getTime();
  return age > GRACE_MS
    ? remove('no program can be its owner')
    : keep('new, and its owner cannot be read yet');
}

function usedLately(record: SandboxRecord, clock: CleanupClock): boolean {
  return idleMs(record, clock) < DAY_MS;
}

function judgeIdle(candidate: CleanupCandidate, policy: CleanupPolicy, clock: CleanupClock): Judgement {
  const { record } = candidate;
  const { idleDays } = policy;
  if (idleDays === null) return keep('cleanup of idle sandboxes is off');
  const days = idleMs(record, clock) / DAY_MS;
  if (days <= idleDays) return keep(`used within ${plural(idleDays)}`);
  const idle = days < 1 ? 'idle for less than a day' : `idle for ${plural(Math.floor(days))}`;
  if (policy.protectFullTrust && isProtectedTrust(record.trust)) {
    return keep(`${idle}, and protected: trust ${record.trust}`);
  }
  if (policy.mode === 'manual') return remove(idle);
  if (candidate.isUsedElsewhere)
    return keep(`${idle} as far as is known here, but its use is recorded elsewhere`);
  const { mark } = record;
  if (mark === undefined || !stillCounts(mark, record, clock))
    return { verdict: 'mark', reason: `${idle}; removed in a day if still idle` };
  return markIsOld(mark, clock) ? remove(idle) : keep(`${idle}; marked, removed a day later`);
}

/** Full and above, and nobody below. */
export function isProtectedTrust(trust: SandboxRecord['trust']): boolean {
  return trust !== null && isAtLeast(trust, 'full');
}

/** How long nobody has used it, at most: the clock that says less is believed, for a wall clock that was set forward says too much. Pure. */
export function idleMs({ lastUsedAt, lastUsedBoot }: SandboxRecord, { now, boot }: CleanupClock): number {
  const wallMs = now.getTime() - lastUsedAt.getTime();
  return lastUsedBoot !== undefined && isLaterOfSameBoot(boot, lastUsedBoot)
    ? Math.min(wallMs, boot.elapsedMs - lastUsedBoot.elapsedMs)
    : wallMs;
}

/** Not one from before the last use, nor one from a future that a clock once showed. */
function stillCounts(
  mark: CleanupMark,
  { lastUsedAt, lastUsedBoot }: SandboxRecord,
  { now }: CleanupClock,
): boolean {
  const usedSince = lastUsedBoot !== undefined && mark.boot.bootId === lastUsedBoot.bootId;
  if (usedSince && mark.boot.elapsedMs < lastUsedBoot.elapsedMs) return false;
  return mark.at >= lastUsedAt && mark.at <= now;
}

/** A day by both clocks: a clock that somebody set forward proves nothing. After a restart of the machine the other one has begun anew, and the wall clock decides. */
function markIsOld(mark: CleanupMark, { now, boot }: CleanupClock): boolean {
  if (now.getTime() - mark.at.getTime() < DAY_MS) return false;
  return !isLaterOfSameBoot(boot, mark.boot) || boot.elapsedMs - mark.boot.elapsedMs >= DAY_MS;
}

function isLaterOfSameBoot(boot: BootClock, earlier: BootClock): boolean {
  return boot.bootId === earlier.bootId && boot.elapsedMs >= earlier.elapsedMs;
}

function plural(days: number): string {
  return days === 1 ? '1 day' : `${days} days`;
}
