import type { Deadline } from './deadline.ts';

interface Waiter {
  readonly since: number;
  readonly deadline: Deadline;
  readonly go: () => void;
}

/** Lets so many calls be in flight at a time; the others wait in the order in which they came, without a limit while the engine answers anybody. */
export class Turns {
  #free: number;
  readonly #waiting = new Set<Waiter>();

  constructor(count: number) {
    this.#free = count;
  }

  /** To be given back with `giveBack`, unless it throws. */
  async take(deadline: Deadline): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { since: performance.now(), deadline, go: resolve };
    this.#waiting.add(waiter);
    try {
      await deadline.race(promise);
    } catch (error) {
      // It was given a turn at the same moment.
      if (!this.#waiting.delete(waiter)) this.giveBack();
      throw error;
    }
  }

  /** `silenceMs`: for how long the engine has not answered the call. Who has waited as long as that would wait in vain. */
  giveBack(silenceMs?: number): void {
    if (silenceMs !== undefined) {
      const before = performance.now() - silenceMs;
      for (const { since, deadline } of this.#waiting) if (since <= before) deadline.expire();
    }
    for (const waiter of this.#waiting) {
      this.#waiting.delete(waiter);
      // One whose time is over gives its turn back itself.
      waiter.go();
      return;
    }
    this.#free += 1;
  }
}
