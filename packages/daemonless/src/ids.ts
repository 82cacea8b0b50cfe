import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SandboxError } from '@sandbox/core';
import { listed, makeSearchable } from './directories.ts';

/** Beyond the ids of users, of subordinate ranges as distributions hand them out, and of systemd's containers. */
export const FIRST_BASE = 0x7000_0000;
export const RANGE = 65_536;
export const RANGES = 4_094;

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/** Which host id a guest id is. As an ordinary user every guest id is the caller's, one at a time. */
export type IdPlan =
  | { readonly type: 'caller'; readonly host: Ids }
  | {
      readonly type: 'range';
      readonly base: number;
      /** The guest's user where it is the workspace's owner on the host as well; null for an id of the range. */
      readonly uid: IdPair | null;
      readonly gid: IdPair | null;
    };

interface IdPair {
  readonly guest: number;
  readonly host: number;
}

export interface IdMapEntry {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

export interface MountOwner extends Ids {
  readonly readOnly: boolean;
}

/**
 * The guest's user is the host's only where a mounted directory belongs to that very id. The host's root is nobody but where uid 0 was asked for
 * and may write in a directory of root's. Pure.
 */
export function planIds(base: number, user: Ids, owners: readonly MountOwner[]): IdPlan {
  const owner = owners.find(({ uid, readOnly }) => uid === user.uid && (uid !== 0 || !readOnly));
  const sameGroup = owner !== undefined && (owner.gid === user.gid || user.gid === user.uid);
  const rootGroup = user.gid === 0 && user.uid !== 0;
  return {
    type: 'range',
    base,
    uid: owner ? { guest: user.uid, host: user.uid } : null,
    gid: sameGroup && !rootGroup ? { guest: user.gid, host: user.gid } : null,
  };
}

/** The host's id of a guest's. Ids beyond the range share its last one. Pure. */
export function hostId(plan: IdPlan, kind: 'uid' | 'gid', guest: number): number {
  if (plan.type === 'caller') return plan.host[kind];
  const own = plan[kind];
  if (own?.guest === guest) return own.host;
  return plan.base + Math.min(guest, RANGE - 1);
}

/** The map of one jail; its first entry is its user. Pure. */
export function idMap(plan: IdPlan, kind: 'uid' | 'gid', user: number): IdMapEntry[] {
  const entry = (guest: number, count = 1): IdMapEntry => ({
    inside: guest,
    outside: hostId(plan, kind, guest),
    count,
  });
  if (plan.type === 'caller') return [entry(user)];
  const single = [...new Set([user, ...(plan[kind] ? [plan[kind].guest] : [])])];
  const entries = single.map((guest) => entry(guest));
  let from = 0;
  for (const stop of [...single, RANGE - 1].filter((id) => id < RANGE).toSorted((a, b) => a - b)) {
    if (stop > from) entries.push(entry(from, stop - from));
    from = Math.max(from, stop + 1);
  }
  return entries;
}

/**
 * Ranges in use on this host: one directory each, made by who takes it (`mkdir` is the lock between processes), with a file for each sandbox or
 * volume that uses it.
 */
export class IdRanges {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Takes a range that nobody has. `path` is what it is for: once that is gone without a word, so is its claim. */
  take(owner: string, path: string): number {
    makeSearchable(this.#directory);
    const base = this.#takeFree(owner, path);
    if (base !== null) return base;
    for (const range of listed(this.#directory)) {
      for (const name of listed(join(this.#directory, range))) {
        const isGone = !existsSync(readFileSync(join(this.#directory, range, name), 'utf8'));
        if (isGone) this.release(Number(range), name);
      }
    }
    const freed = this.#takeFree(owner, path);
    if (freed !== null) return freed;
    throw new SandboxError('RESOURCE_EXHAUSTED', `all ${RANGES} ranges of ids are in use`, {
      hint: 'Remove sandboxes: `sandbox ls`, then `sandbox rm NAME`.',
    });
  }

  share(base: number, owner: string, path: string): void {
    writeFileSync(join(this.#directory, String(base), owner), path);
  }

  /** Idempotent; the range is free once its last owner has let go. */
  release(base: number, owner: string): void {
    const range = join(this.#directory, String(base));
    rmSync(join(range, owner), { force: true });
    try {
      if (readdirSync(range).length === 0) rmdirSync(range);
    } catch {
      // Somebody else has it, or has just let go of it.
    }
  }

  /** Where no range is in use. */
  removeEmpty(): void {
    try {
      rmdirSync(this.#directory);
    } catch {
      // In use, or not there.
    }
  }

  #takeFree(owner: string, path: string): number | null {
    const first = Math.floor(Math.random() * RANGES);
    for (let step = 0; step < RANGES; step += 1) {
      const base = FIRST_BASE + ((first + step) % RANGES) * RANGE;
      try {
        mkdirSync(join(this.#directory, String(base)), { mode: 0o700 });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        continue;
      }
      this.share(base, owner, path);
      return base;
    }
    return null;
  }
}
