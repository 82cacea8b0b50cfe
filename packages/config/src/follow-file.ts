import { unwatchFile, watchFile } from 'node:fs';

export interface FollowOptions {
  /** How often the file system is asked. */
  readonly intervalMs: number;
  /** Looks at the file again; true: and wants to look once more. Called once at a time. */
  readonly look: () => Promise<boolean>;
}

/** Whoever writes is given this time to finish. */
const SETTLE_MS = 100;
/** A change may be followed by one that leaves the same size and, on a file system that counts in seconds, the same times. */
const ONCE_MORE_MS = 2_000;

/**
 * Looks at a file again whenever it may have changed: was written, exchanged by a rename, removed, made again, or one of the links that lead to it was set anew. It asks
 * for the state of the path rather than being told by the kernel, which sees links and not what they lead to, and nothing of network file systems. Keeps no program alive.
 */
export class FileFollower {
  readonly #paths: readonly string[];
  readonly #options: FollowOptions;
  readonly #changed = () => this.#look();
  readonly #timers = new Set<NodeJS.Timeout>();
  #looking: Promise<void> = Promise.resolve();
  #waiting = false;
  #closed = false;

  constructor(paths: readonly string[], options: FollowOptions) {
    this.#paths = paths;
    this.#options = options;
    const polling = { persistent: false, interval: options.intervalMs };
    for (const path of paths) watchFile(path, polling, this.#changed);
    // It may have changed since it was first read.
    this.#look();
  }

  close(): void {
    this.#closed = true;
    for (const path of this.#paths) unwatchFile(path, this.#changed);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  /** Soon, and once more later. */
  #look(): void {
    if (this.#waiting || this.#closed) return;
    this.#waiting = true;
    this.#after(Math.min(SETTLE_MS, this.#options.intervalMs), () => {
      this.#waiting = false;
      this.#inTurn();
    });
    this.#after(ONCE_MORE_MS, () => this.#inTurn());
  }

  #inTurn(): void {
    this.#looking = this.#looking.then(async () => {
      if (await this.#options.look()) this.#look();
    });
  }

  #after(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms).unref();
    this.#timers.add(timer);
  }
}
