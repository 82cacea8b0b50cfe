import type { Config } from '@sandbox/config';
import type { ProbeResult, RuntimeAdapter } from '@sandbox/core';
import type { AdapterEntry } from '../adapters/adapter-entry.ts';
import { failureOf } from '../failure.ts';
import { loadAdapter } from '../settings.ts';

/** A runtime that takes longer to say how it is, is not well. */
const PROBE_MS = 15_000;

export type Finding = Omit<ProbeResult, 'capabilities'> & {
  readonly runtime: string;
  /** Null when the adapter itself could not be loaded. */
  readonly capabilities: ProbeResult['capabilities'] | null;
};

/** Looks at all runtimes at the same time. What is wrong with one is a finding, never an error. */
export function diagnose(entries: readonly AdapterEntry[], config: Config): Promise<Finding[]> {
  return Promise.all(entries.map((entry) => examine(entry, config)));
}

async function examine(entry: AdapterEntry, config: Config): Promise<Finding> {
  const { runtime } = entry;
  let adapter: RuntimeAdapter | undefined;
  try {
    adapter = await loadAdapter(entry, config);
    return { runtime, ...(await adapter.probe({ signal: AbortSignal.timeout(PROBE_MS) })) };
  } catch (error) {
    return {
      runtime,
      status: 'unhealthy',
      message: error instanceof Error ? error.message : String(error),
      remedy:
        adapter === undefined
          ? (failureOf(error).hint ?? 'Install the adapter again, with its dependencies.')
          : 'Report this: a probe should not fail.',
      capabilities: adapter?.capabilities ?? null,
    };
  } finally {
    await adapter?.close();
  }
}
