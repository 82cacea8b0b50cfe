import type { Belonging, Sandboxes, UninstallReport } from '@sandbox/core';
import type { Command } from 'commander';
import { type CommandContext, jsonOption, runtimeOption } from '../command-context.ts';
import { canAsk, confirm } from '../confirm.ts';
import { EXIT } from '../exit-code.ts';
import { type Failure, failureOf } from '../failure.ts';
import { withSandboxes } from '../open-sandboxes.ts';
import { printable } from '../output/printable.ts';
import { table } from '../output/table.ts';
import { print, printJson, tellFailures } from '../print.ts';
import { configOption } from '../settings.ts';
import { removeStateFiles } from '../state-files.ts';
import { UsageError } from '../usage-error.ts';

interface UninstallFlags {
  readonly yes?: boolean;
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function declareUninstall(program: Command, context: CommandContext): void {
  program
    .command('uninstall')
    .description('remove all sandboxes, volumes, images and files that sandbox has made on this machine')
    .option('-y, --yes', 'do not ask')
    .addOption(runtimeOption())
    .addOption(configOption())
    .addOption(jsonOption('what was removed, and what is left'))
    .addHelpText(
      'after',
      `\nWorkspaces, the configuration and images that were only pulled stay. Afterwards remove the program itself with what installed it, such as npm.\n\nExamples:\n  ${context.name} uninstall\n  ${context.name} uninstall --yes\n`,
    )
    .action(context.exits((flags: UninstallFlags) => uninstall(flags, context)));
}

async function uninstall(flags: UninstallFlags, context: CommandContext): Promise<number> {
  const { io } = context;
  if (!flags.yes && !canAsk(io)) {
    throw new UsageError('uninstall asks first, and there is no terminal to ask on', 'Add --yes.');
  }
  const failures: Failure[] = [];
  const onUnavailable = (reason: unknown) => void failures.push(failureOf(reason));
  const report = await withSandboxes(context, flags, async (sandboxes) => {
    if (!flags.yes && !(await confirm(io, await question(sandboxes)))) return null;
    return sandboxes.uninstall({ onUnavailable });
  });
  if (report === null) return EXIT.declined;
  for (const { runtime, kind, name, error } of report.left) {
    failures.push({
      ...{ code: 'FAILED_PRECONDITION', exitCode: EXIT.sandbox },
      message: `${runtime}: the ${kind} ${name} is still there: ${error}`,
    });
  }
  // What knows of the rest has to stay for it. With one runtime named, or one scope, there may be others.
  const isAll = failures.length === 0 && flags.runtime === undefined && !io.env.SANDBOX_SCOPE;
  if (isAll) await removeStateFiles(io.env);
  if (flags.json) await printJson(context, { removed: report.removed, left: report.left, registry: isAll });
  else await print(context, removedTable(report));
  return tellFailures(context, failures);
}

async function question(sandboxes: Sandboxes): Promise<string> {
  const list = await sandboxes.list({ onUnavailable: () => {} });
  const kept = list.filter(({ lifecycle }) => lifecycle === 'long-lived').length;
  return `remove all that sandbox has made on this machine: ${list.length} sandbox${list.length === 1 ? '' : 'es'}, ${kept} long-lived, their homes, and what they share?`;
}

function removedTable({ removed }: UninstallReport): string {
  if (removed.length === 0) return 'nothing was there\n';
  return table(
    removed.map(({ runtime, kind, name }: Belonging) => ['removed', runtime, kind, printable(name)]),
  );
}
