import type { RuntimeAdapter } from './adapter.ts';
import type { OptionsSchema } from './options-schema.ts';

/**
 * What an adapter's package exports as `default`: all that a program needs which knows no more than the package's name, as from `adapters` in `sandbox.toml`.
 * Importing the package does no I/O.
 */
export interface AdapterPlugin<Options = unknown> {
  /** Same as the adapter's own: lower case words with `-` between them. */
  readonly runtime: string;
  /** The version of the contract that the adapter was written for, as a number: `1`. Not `ADAPTER_API_VERSION`, which is that of the core that it will find. */
  readonly apiVersion: number;
  /** Checks what `[runtimes.<id>]` says, its keys in camel case. Made by zod, or by any library that follows https://standardschema.dev. */
  readonly optionsSchema: OptionsSchema<Options>;
  /** Does no I/O. */
  create(options: Options): RuntimeAdapter;
}
