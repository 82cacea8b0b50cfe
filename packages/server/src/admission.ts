import { HttpError } from './problem.ts';

export interface AdmissionOptions {
  /** What is handed out, for the message: `sandboxes`. */
  readonly what: string;
  /** At one time. */
  readonly total: number;
  readonly perUser: number;
  /** How many requests of one user may wait. */
  readonly queuePerUser: number;
  /** How long one may wait. */
  readonly waitMs: number;
}

interface Waiting {
  admit(): void;
}

/** Hands out places. Users take turns, however many requests each of them has waiting. Past the queue is a 429. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #taken = new Map<string, number>();
  /** Users in the order in which their turn comes. */
  readonly #queues = new Map<string, Waiting[]>();
  /** How many were refused: the queue was full, or it took too long. */
  readonly refused = { full: 0, late: 0 };
  #total = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  get taken(): number {
    return this.#total;
  }

  get waiting(): number {
    let sum = 0;
    for (const queue of this.#queues.values()) sum += queue.length;
    return sum;
  }

  /** Whether a request of this user would have to wait. */
  isFull(user: string): boolean {
    return this.#queues.size > 0 || !this.#fits(user);
  }

  /** Resolves with what gives the place back; calling it again does no harm. */
  async enter(user: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (!this.isFull(user)) this.#take(user);
    else await this.#wait(user, signal);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#giveBack(user);
    };
  }

  #fits(user: string): boolean {
    return this.#total < this.#options.total && (this.#taken.get(user) ?? 0) < this.#options.perUser;
  }

  #take(user: string): void {
    this.#total += 1;
    this.#taken.set(user, (this.#taken.get(user) ?? 0) + 1);
  }

  #giveBack(user: string): void {
    const left = (this.#taken.get(user) ?? 1) - 1;
    if (left === 0) this.#taken.delete(user);
    else this.#taken.set(user, left);
    this.#total -= 1;
    this.#admitWaiting();
  }

  #wait(user: string, signal: AbortSignal): Promise<void> {
    const queue = this.#queues.get(user) ?? [];
    const { queuePerUser, waitMs } = this.#options;
    if (queue.length >= queuePerUser) throw this.#refuse('full');
    return new Promise((resolve, reject) => {
      const leave = (error: unknown) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        const at = queue.indexOf(waiting);
        if (at !== -1) queue.splice(at, 1);
        if (queue.length === 0 && this.#queues.get(user) === queue) this.#queues.delete(user);
        if (error === undefined) resolve();
        else reject(error);
      };
      const abort = () => leave(signal.reason);
      const timer = setTimeout(() => leave(this.#refuse('late')), waitMs);
      const waiting: Waiting = { admit: () => leave(undefined) };
      signal.addEventListener('abort', abort);
      queue.push(waiting);
      this.#queues.set(user, queue);
      // Others may wait for what is not theirs to have, while there is room for this one.
      this.#admitWaiting();
    });
  }

  #admitWaiting(): void {
    for (;;) {
      const next = [...this.#queues].find(([user]) => this.#fits(user));
      if (next === undefined) return;
      const [user, queue] = next;
      const [waiting] = queue;
      // To the end of the line.
      this.#queues.delete(user);
      if (queue.length > 1) this.#queues.set(user, queue);
      this.#take(user);
      waiting?.admit();
    }
  }

  #refuse(why: keyof Admission['refused']): HttpError {
    this.refused[why] += 1;
    const { what, total, perUser, waitMs } = this.#options;
    return new HttpError(
      'RESOURCE_EXHAUSTED',
      `there are too many ${what}: ${perUser} of one user and ${total} in all is what there may be at one time`,
      {
        hint: 'Try again later, and remove what is not needed any more.',
        headers: { 'retry-after': String(Math.max(1, Math.ceil(waitMs / 10_000))) },
      },
    );
  }
}
