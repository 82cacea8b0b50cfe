import type { ProbeResult, RuntimeAdapter } from '../adapter/adapter.ts';
import { untilAborted } from '../errors/aborts.ts';
import type { ErrorContext } from '../errors/error-context.ts';

/** An engine that answers well is asked again only now and then … */
const HEALTHY_MS = 30_000;
/** … one that does not may be there the next moment, and somebody is waiting for it. */
const FAILED_MS = 1_000;

interface Entry {
  readonly result: Promise<ProbeResult>;
  /** Undefined while it is under way. */
  until: number | undefined;
}

/** What runtimes said of themselves not long ago. Probes at the same time are one. */
export class ProbeCache {
  readonly #entries = new Map<RuntimeAdapter, Entry>();

  probe(adapter: RuntimeAdapter, signal?: AbortSignal): Promise<ProbeResult> {
    const context: ErrorContext = { operation: 'probe', runtime: adapter.runtime };
    const known = this.#entries.get(adapter);
    const fresh = known !== undefined && (known.until === undefined || performance.now() < known.until);
    return untilAborted((fresh ? known : this.#add(adapter)).result, signal, context);
  }

  /** To be called when a runtime turns out not to be what it said. */
  forget(adapter: RuntimeAdapter): void {
    this.#entries.delete(adapter);
  }

  #add(adapter: RuntimeAdapter): Entry {
    // Without the caller's signal: others may be waiting for the same answer.
    const entry: Entry = { result: adapter.probe(), until: undefined };
    this.#entries.set(adapter, entry);
    entry.result.then(
      ({ status }) => {
        entry.until = performance.now() + (status === 'healthy' ? HEALTHY_MS : FAILED_MS);
      },
      () => {
        if (this.#entries.get(adapter) === entry) this.#entries.delete(adapter);
      },
    );
    return entry;
  }
}
