import type { LanguageCatalog } from '@sandbox/languages';
import { Option } from 'commander';
import type { AdapterEntry } from './adapters/adapter-entry.ts';
import type { CliIo } from './cli-io.ts';

/** What every command gets: one object for one `run` of the program. */
export interface CommandContext {
  /** What the program is called, for messages and examples. */
  readonly name: string;
  readonly version: string;
  /** The runtimes that the program brings. `findEntries` adds those of other people. */
  readonly entries: readonly AdapterEntry[];
  /** What `--adapter` named so far. */
  readonly adapterNames: string[];
  /** Of the program: packages beside it can be named. */
  readonly directory: string;
  /** Undefined: those of `@sandbox/languages`. */
  readonly languages: LanguageCatalog | undefined;
  readonly io: CliIo;
  /** Makes the exit code of a command that of the program. */
  exits<A extends unknown[]>(
    action: (...parameters: A) => Promise<number>,
  ): (...parameters: A) => Promise<void>;
}

/** The languages that the program knows. */
export async function languagesOf({ languages }: CommandContext): Promise<LanguageCatalog> {
  return languages ?? (await import('@sandbox/languages')).builtInLanguages;
}

export const runtimeOption = () => new Option('--runtime <name>', 'only this runtime');
export const jsonOption = (what: string) => new Option('--json', `print ${what} as JSON`);
