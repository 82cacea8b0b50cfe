import type { Config } from '@sandbox/config';
import type { Sandboxes, SandboxesOptions, SqliteExecutionsOptions } from '@sandbox/core';
import type { LanguageCatalog } from '@sandbox/languages';
import { Option } from 'commander';
import type { AdapterEntry } from './adapters/adapter-entry.ts';
import { findEntries } from './adapters/find-entries.ts';
import { type CliIo, tell } from './cli-io.ts';
import { EXIT } from './exit-code.ts';
import { type Failure, failureText } from './failure.ts';
import { toJson } from './output/json.ts';
import { printable } from './output/printable.ts';
import { loadAdapters, loadSettings } from './settings.ts';

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

export interface SandboxesFlags {
  readonly runtime?: string | undefined;
  /** A file, or what was read from it. */
  readonly config?: string | Config | undefined;
  /** Told what goes wrong behind the back of commands. Default: it is a line on stderr. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** Over the adapters that `--runtime` leaves, with what is configured. SANDBOX_SCOPE keeps tests, and whoever wants to, apart from other sandboxes. */
export async function openSandboxes(context: CommandContext, flags: SandboxesFlags): Promise<Sandboxes> {
  const settings =
    typeof flags.config === 'object' ? flags.config : await loadSettings(context, flags.config);
  const entries = await findEntries(context, settings, flags.runtime);
  const [core, adapters] = await Promise.all([import('@sandbox/core'), loadAdapters(entries, settings)]);
  const scope = context.io.env.SANDBOX_SCOPE;
  const { onWarning = (message) => void warn(context, message).catch(() => {}) } = flags;
  // Never closed: that would wait for the disk, and other programs may have it open in any case.
  const registry = core.createSqliteRegistry({ file: core.registryFile(context.io.env), onWarning });
  const monitoring = monitoringOf(core, settings, { file: core.executionsFile(context.io.env), onWarning });
  return core.createSandboxes({ adapters, settings, registry, ...monitoring, ...(scope && { scope }) });
}

/** Records executions, if that is not switched off. What is recorded is written when the sandboxes are closed. */
function monitoringOf(
  { createSqliteExecutions }: Pick<typeof import('@sandbox/core'), 'createSqliteExecutions'>,
  { monitoring: { enabled, retentionDays, recordArgv, recordEnv } }: Config,
  place: Pick<SqliteExecutionsOptions, 'file' | 'onWarning'>,
): Pick<SandboxesOptions, 'onExecution' | 'executionDetails'> {
  if (!enabled) return {};
  return {
    onExecution: createSqliteExecutions({ ...place, retentionDays }).record,
    executionDetails: [...(recordArgv ? (['argv'] as const) : []), ...(recordEnv ? (['env'] as const) : [])],
  };
}

/** One line on stderr. */
export async function warn(context: CommandContext, message: string): Promise<void> {
  await tell(context.io.stderr, `${context.name}: warning: ${printable(message)}\n`);
}

/** Gives `use` the sandboxes, and lets go of them however it ends. */
export async function withSandboxes<T>(
  context: CommandContext,
  flags: SandboxesFlags,
  use: (sandboxes: Sandboxes) => Promise<T>,
): Promise<T> {
  const sandboxes = await openSandboxes(context, flags);
  try {
    return await use(sandboxes);
  } finally {
    // Must not hide what happened before.
    await sandboxes.close().catch(() => {});
  }
}

/** What comes last. What comes while work goes on is `write`, which tells that nobody reads it any more. */
export async function print(context: CommandContext, text: string): Promise<void> {
  await tell(context.io.stdout, text);
}

export async function printJson(context: CommandContext, value: unknown): Promise<void> {
  await tell(context.io.stdout, toJson(value));
}

/** What went wrong beside what was done, and the exit code that comes of it. */
export async function tellFailures(context: CommandContext, failures: readonly Failure[]): Promise<number> {
  for (const failure of failures) await tell(context.io.stderr, failureText(failure, context.name));
  return failures.length === 0 ? EXIT.ok : EXIT.sandbox;
}
