import type { RuntimeAdapter } from '../adapter/adapter.ts';

const SWEEP_MS = 10_000;
/** What it may hold up the end of a manager. */
const CLOSING_MS = 2_000;

/**
 * Whoever looks next removes what dead programs left half made: each runtime is looked at once, when it is first used, beside the work that uses it. What goes wrong is
 * nobody's business.
 */
export class OrphanSweeps {
  readonly #sweep: (adapter: RuntimeAdapter, signal: AbortSignal) => Promise<void>;
  readonly #sweeps = new Map<RuntimeAdapter, Promise<void>>();
  readonly #stop = new AbortController();

  constructor(sweep: (adapter: RuntimeAdapter, signal: AbortSignal) => Promise<void>) {
    this.#sweep = sweep;
  }

  begin(adapter: RuntimeAdapter): void {
    if (this.#sweeps.has(adapter) || this.#stop.signal.aborted) return;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(SWEEP_MS)]);
    this.#sweeps.set(
      adapter,
      this.#sweep(adapter, signal).catch(() => {}),
    );
  }

  /** Mostly all is done long before. */
  async end(): Promise<void> {
    const late = setTimeout(() => this.#stop.abort(), CLOSING_MS);
    await Promise.all(this.#sweeps.values());
    clearTimeout(late);
    this.#stop.abort();
  }
}
