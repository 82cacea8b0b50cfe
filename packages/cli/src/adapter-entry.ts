import type { OptionsSchema } from '@sandbox/config';
import type { RuntimeAdapter } from '@sandbox/core';
import { UsageError } from './usage-error.ts';

/** One runtime that the program knows. Loading an adapter takes time, so it is put off until a command needs it. */
export interface AdapterEntry {
  /** Same as the adapter's own. */
  readonly runtime: string;
  /** `options` gives what the configuration says in `[runtimes.<id>]`, checked by the schema that the adapter's package exports. */
  load(options: AdapterOptions): Promise<RuntimeAdapter>;
}

export type AdapterOptions = <T>(schema: OptionsSchema<T>) => Promise<T>;

/** The entries that `--runtime` leaves: one, or all of them for `auto`. */
export function chooseEntries(
  entries: readonly AdapterEntry[],
  runtime: string | undefined,
): readonly AdapterEntry[] {
  if (runtime === undefined || runtime === 'auto') return entries;
  const entry = entries.find((known) => known.runtime === runtime);
  if (entry === undefined) {
    const known = entries.map((each) => each.runtime).join(', ');
    throw new UsageError(`there is no runtime "${runtime}"`, `Choose one of ${known}, or auto.`, 'NOT_FOUND');
  }
  return [entry];
}
