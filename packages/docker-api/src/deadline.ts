/** When one call ends early: the caller's signal or our own time limit, whichever comes first. */
export class Deadline {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  readonly #source: AbortSignal | undefined;
  readonly #onAbort = () => this.#fire('aborted');
  /** Why it fired. */
  cause: 'aborted' | 'timeout' | undefined;

  constructor(source: AbortSignal | undefined) {
    this.#source = source;
    if (source?.aborted) this.#fire('aborted');
    else source?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Null: there is no limit. */
  start(timeoutMs: number | null): void {
    if (timeoutMs !== null) this.#timer = setTimeout(() => this.expire(), timeoutMs);
  }

  expire(): void {
    this.#fire('timeout');
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The promise's own result, or a rejection as soon as the deadline fires. */
  async race<T>(promise: Promise<T>): Promise<T> {
    const { promise: fired, reject } = Promise.withResolvers<never>();
    const onFire = () => reject(new Error(this.cause));
    if (this.signal.aborted) onFire();
    this.signal.addEventListener('abort', onFire, { once: true });
    try {
      return await Promise.race([promise, fired]);
    } finally {
      this.signal.removeEventListener('abort', onFire);
      promise.catch(() => {});
    }
  }

  /** Disarms it; what was opened under it lives on. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#source?.removeEventListener('abort', this.#onAbort);
  }

  #fire(cause: 'aborted' | 'timeout'): void {
    this.cause ??= cause;
    this.#controller.abort();
  }
}
