import type { Config } from '@sandbox/config';
import type { Sandboxes, SandboxesOptions, SqliteExecutionsOptions } from '@sandbox/core';
import { findEntries } from './adapters/find-entries.ts';
import type { CommandContext } from './command-context.ts';
import { warn } from './print.ts';
import { loadAdapters, loadSettings } from './settings.ts';

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
