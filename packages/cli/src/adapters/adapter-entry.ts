import type { AdapterPlugin, OptionsSchema, RuntimeAdapter } from '@sandbox/core';
import { UsageError } from '../usage-error.ts';

/** One runtime that the program knows. Loading an adapter takes time, so it is put off until a command needs it. */
export interface AdapterEntry {
  /** Same as the adapter's own. */
  readonly runtime: string;
  /** `options` gives what the configuration says in `[runtimes.<id>]`, checked by the schema that the adapter's package exports. */
  load(options: AdapterOptions): Promise<RuntimeAdapter>;
  /** Why there is no adapter: its package cannot be used, and which runtime it is for is not known. `load` rejects with it. */
  readonly failure?: unknown;
}

export type AdapterOptions = <T>(schema: OptionsSchema<T>) => Promise<T>;

/** An adapter whose package is not imported before a command needs it: `lazyAdapter('docker', () => import('@sandbox/adapter-docker'))`. */
export function lazyAdapter(
  runtime: string,
  importPackage: () => Promise<{ readonly default: AdapterPlugin }>,
): AdapterEntry {
  return {
    runtime,
    async load(options) {
      const { default: plugin } = await importPackage();
      return entryOf(plugin).load(options);
    },
  };
}

/** An entry as it is, or of what a package exports. */
export function entryOf(adapter: AdapterEntry | AdapterPlugin): AdapterEntry {
  if ('load' in adapter) return adapter;
  const { runtime } = adapter;
  return {
    runtime,
    async load(options) {
      const { checkVersion, refused } = await import('./check-plugin.ts');
      checkVersion(runtime, adapter.apiVersion);
      const made = adapter.create(await options(adapter.optionsSchema));
      checkVersion(runtime, made.apiVersion);
      // Commands would look for its sandboxes under the one name, and find them under the other.
      if (made.runtime !== runtime)
        throw refused(
          `${runtime} makes an adapter for ${made.runtime}`,
          'Install a version of it that is right.',
        );
      return made;
    },
  };
}

/** The entries that `--runtime` leaves: one, or all of them for `auto`. One that is not there may be what a package is for that cannot be used: then its failure is thrown. */
export function chooseEntries(
  entries: readonly AdapterEntry[],
  runtime: string | undefined,
): readonly AdapterEntry[] {
  if (runtime === undefined || runtime === 'auto') return entries;
  const entry = entries.find((known) => known.runtime === runtime);
  if (entry === undefined) {
    const failed = entries.find(({ failure }) => failure !== undefined);
    if (failed !== undefined) throw failed.failure;
    const known = entries.map((each) => each.runtime).join(', ');
    throw new UsageError(`there is no runtime "${runtime}"`, `Choose one of ${known}, or auto.`, 'NOT_FOUND');
  }
  return [entry];
}
