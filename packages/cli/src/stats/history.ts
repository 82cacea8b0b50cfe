import type { HistoryGroup } from '@sandbox/core';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-code.ts';
import { painter } from '../output/colors.ts';
import { print, printJson, warn } from '../print.ts';
import { loadSettings } from '../settings.ts';
import { UsageError } from '../usage-error.ts';
import { historyTable } from './history-table.ts';

export interface HistoryFlags {
  readonly history?: boolean;
  readonly since?: string;
  readonly user?: string;
  readonly by?: HistoryGroup;
}

interface OtherFlags {
  readonly workspace?: string | undefined;
  readonly runtime?: string | undefined;
}

const DEFAULT_SINCE = '7d';

/** What goes with the history and what does not. */
export function checkHistoryFlags(names: readonly string[], flags: HistoryFlags & OtherFlags): void {
  const { history, since, user, by, workspace, runtime } = flags;
  const given = history
    ? ([
        ['a NAME', names[0]],
        ['--workspace', workspace],
        ['--runtime', runtime],
      ] as const)
    : ([
        ['--since', since],
        ['--user', user],
        ['--by', by],
      ] as const);
  const [refused] = given.find(([, value]) => value !== undefined) ?? [];
  if (refused === undefined) return;
  if (history) {
    throw new UsageError(
      `--history and ${refused} exclude each other`,
      'Write --by runtime, or --user NAME.',
    );
  }
  throw new UsageError(`${refused} needs --history`, 'Write `stats --history`.');
}

/** No runtime is asked: it is all in a file. */
export async function showHistory(
  flags: HistoryFlags & { readonly config?: string; readonly json?: boolean },
  context: CommandContext,
): Promise<number> {
  const { executionsFile, parseDuration, readHistoryAndTotal } = await import('@sandbox/core');
  const { io } = context;
  const { user, by = 'user' } = flags;
  const since = new Date(Date.now() - parseDuration(flags.since ?? DEFAULT_SINCE, '--since'));
  const { monitoring, file } = await loadSettings(context, flags.config);
  const { rows, total } = readHistoryAndTotal({ file: executionsFile(io.env), since, user, by });
  if (!monitoring.enabled)
    await warn(context, `executions are not recorded: monitoring.enabled is false in ${file}`);
  if (flags.json) await printJson(context, { since, user: user ?? null, by, rows, total });
  else await print(context, historyTable(by, { rows, total }, painter(io.stdout, io.env)));
  return EXIT.ok;
}
