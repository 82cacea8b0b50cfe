import type { Box } from './box.ts';
import { HttpError } from './problem.ts';
import type { Result } from './schemas.ts';

/** For how long the last result of a sandbox that is gone is told, and how much memory such results may take together. */
const REMEMBERED_MS = 3_600_000;
const REMEMBERED_BYTES = 64 * 2 ** 20;
const REMEMBERED = 10_000;
/** One that could not be removed is tried again. */
const RETRY_MS = 30_000;

interface Gone {
  readonly user: string;
  readonly at: number;
  result: Result | null;
  readonly bytes: number;
}

export interface LifeOptions {
  /** An ephemeral sandbox in which nothing was executed for so long is removed. */
  readonly idleTtlMs: number;
  readonly onError: (error: unknown, what: string) => void;
  readonly onRemoved: (box: Box) => void;
}

/** All sandboxes of the service: who may see which, and when they go. */
export class Life {
  readonly #options: LifeOptions;
  readonly #boxes = new Map<string, Box>();
  /** Oldest first. */
  readonly #gone = new Map<string, Gone>();
  #goneBytes = 0;

  constructor(options: LifeOptions) {
    this.#options = options;
  }

  get idleTtlMs(): number {
    return this.#options.idleTtlMs;
  }

  get boxes(): Iterable<Box> {
    return this.#boxes.values();
  }

  add(box: Box): Box {
    this.#boxes.set(box.id, box);
    this.#forget(box.id);
    this.#arm(box);
    return box;
  }

  /** Adds one that may be there already, as the sandbox of a workspace is: then that one stays, and this handle goes. */
  async adopt(box: Box): Promise<Box> {
    const there = this.#boxes.get(box.id);
    if (there === undefined || there.removing !== undefined) return this.add(box);
    if (there.facts.user === box.facts.user && !there.facts.missing) {
      there.askedAgain(box);
      box.facts.release();
      await box.facts.sandbox.close();
      return there;
    }
    await this.letGo(there);
    return this.add(box);
  }

  /** Of one that is to be known no more, and may itself go on: as another user's, by now. */
  async letGo(box: Box): Promise<void> {
    await endAll(box);
    await box.facts.sandbox.close();
    if (this.#boxes.get(box.id) === box) this.#boxes.delete(box.id);
    box.facts.release();
  }

  /** Resolves when one that is going has gone. */
  async removed(id: string): Promise<void> {
    await this.#boxes.get(id)?.removing;
  }

  /** Of this user, and undefined for what others have. A 410 for one that is gone. */
  find(user: string, id: string): Box | undefined {
    const box = this.#boxes.get(id);
    if (box !== undefined && box.facts.user === user) {
      if (box.removing !== undefined) throw goneError(id, box.lastResult);
      return box;
    }
    const gone = this.#gone.get(id);
    if (gone === undefined || gone.user !== user || Date.now() - gone.at > REMEMBERED_MS) return undefined;
    throw goneError(id, gone.result);
  }

  /** Does something in it that counts as use. `work` is to end when its signal fires, which is what removing does. */
  async use<T>(box: Box, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (!box.kept && box.running.size > 0) {
      throw new HttpError('FAILED_PRECONDITION', `${box.id} is for one execution, which is under way`, {
        hint: 'Create it with `keep: true` for more.',
      });
    }
    const end = new AbortController();
    clearTimeout(box.timer);
    const working = work(AbortSignal.any([signal, end.signal]));
    box.running.set(
      end,
      working.catch(() => {}),
    );
    box.lastUsedAt = Date.now();
    try {
      return await working;
    } finally {
      box.running.delete(end);
      box.lastUsedAt = Date.now();
      if (box.removing === undefined) this.#arm(box);
    }
  }

  /** Ends what runs in it, and resolves when it is gone. */
  remove(box: Box): Promise<void> {
    return this.#end(box, () => box.facts.sandbox.remove());
  }

  /** Of one that went without us. What has its name by now is left alone. */
  lost(box: Box): Promise<void> {
    return this.#end(box, () => box.facts.sandbox.close());
  }

  #end(box: Box, remove: () => Promise<void>): Promise<void> {
    box.removing ??= this.#endOnce(box, remove).catch((error) => {
      box.removing = undefined;
      this.#arm(box, RETRY_MS);
      throw error;
    });
    return box.removing;
  }

  /** Ends all that runs, removes what is ephemeral, and lets go of the rest. */
  async close(): Promise<void> {
    const boxes = [...this.#boxes.values()];
    for (const box of boxes) clearTimeout(box.timer);
    const ended = boxes.map(async (box) => {
      if (box.ephemeral) return this.remove(box);
      await endAll(box);
      await box.facts.sandbox.close();
      this.#boxes.delete(box.id);
    });
    for (const result of await Promise.allSettled(ended)) {
      if (result.status === 'rejected')
        this.#options.onError(result.reason, 'a sandbox could not be removed');
    }
    for (const box of this.#boxes.values()) clearTimeout(box.timer);
  }

  async #endOnce(box: Box, remove: () => Promise<void>): Promise<void> {
    clearTimeout(box.timer);
    await endAll(box);
    await remove();
    if (this.#boxes.get(box.id) === box) this.#boxes.delete(box.id);
    this.#remember(box);
    box.facts.release();
    this.#options.onRemoved(box);
  }

  #remember(box: Box): void {
    const { lastResult: result, facts } = box;
    const bytes = result === null ? 0 : sizeOf(result);
    this.#forget(box.id);
    this.#gone.set(box.id, { user: facts.user, at: Date.now(), result, bytes });
    this.#goneBytes += bytes;
    for (const [id, old] of this.#gone) {
      const expired = Date.now() - old.at > REMEMBERED_MS || this.#gone.size > REMEMBERED;
      if (!expired && this.#goneBytes <= REMEMBERED_BYTES) break;
      // That it was there is remembered for longer than what it printed.
      this.#dropResult(old);
      if (expired) this.#gone.delete(id);
    }
  }

  /** A long-lived one may go, and come again, under one name. */
  #forget(id: string): void {
    const gone = this.#gone.get(id);
    if (gone !== undefined) this.#dropResult(gone);
    this.#gone.delete(id);
  }

  #dropResult(gone: Gone): void {
    if (gone.result !== null) this.#goneBytes -= gone.bytes;
    gone.result = null;
  }

  #arm(box: Box, atLeastMs = 0): void {
    clearTimeout(box.timer);
    const at = box.expiresAt(this.#options.idleTtlMs);
    if (at === null || box.running.size > 0) return;
    const wait = Math.max(atLeastMs, at - Date.now(), 0);
    box.timer = setTimeout(() => {
      this.remove(box).catch((error) => this.#options.onError(error, `${box.id} could not be removed`));
    }, wait);
    box.timer.unref();
  }
}

/** In memory, about. */
function sizeOf({ stdout, stderr, warnings, codeWarnings }: Result): number {
  return 2 * (stdout.length + stderr.length + JSON.stringify([warnings, codeWarnings]).length);
}

/** Resolves when nothing runs in it any more. */
async function endAll(box: Box): Promise<void> {
  for (const end of box.running.keys()) end.abort();
  await Promise.all(box.running.values());
}

function goneError(id: string, lastResult: Result | null): HttpError {
  return new HttpError('NOT_FOUND', `${id} is gone`, {
    status: 410,
    hint: 'Create another one; with `keep: true` it stays for more than one execution.',
    lastResult,
  });
}
