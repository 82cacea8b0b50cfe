import type { Command } from 'commander';
import { type CommandContext, jsonOption, runtimeOption } from '../command-context.ts';
import { EXIT } from '../exit-code.ts';
import { type Failure, failureOf } from '../failure.ts';
import { withSandboxes } from '../open-sandboxes.ts';
import { printable } from '../output/printable.ts';
import { bytes } from '../output/quantities.ts';
import { table } from '../output/table.ts';
import { print, printJson, tellFailures } from '../print.ts';
import { configOption } from '../settings.ts';

interface PruneFlags {
  readonly dryRun?: boolean;
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function declarePrune(program: Command, context: CommandContext): void {
  program
    .command('prune')
    .description('remove image layers that sandbox has built and that no sandbox uses')
    .option('--dry-run', 'only say what would be removed')
    .addOption(runtimeOption())
    .addOption(configOption())
    .addOption(jsonOption('what was removed'))
    .addHelpText(
      'after',
      `\nImages that were only pulled stay; a layer that is needed again is built again.\n\nExamples:\n  ${context.name} prune --dry-run\n  ${context.name} prune --runtime docker\n`,
    )
    .action(context.exits((flags: PruneFlags) => prune(flags, context)));
}

async function prune(
  { dryRun = false, json, ...flags }: PruneFlags,
  context: CommandContext,
): Promise<number> {
  const failures: Failure[] = [];
  const report = await withSandboxes(context, flags, (sandboxes) =>
    sandboxes.prune({ dryRun, onUnavailable: (reason) => failures.push(failureOf(reason)) }),
  );
  if (json) await printJson(context, report);
  else {
    const verb = dryRun ? 'would remove' : 'removed';
    const rows = report.removed.map((image) => [
      verb,
      image.runtime,
      printable(image.name),
      size(image.sizeBytes),
    ]);
    await print(context, rows.length > 0 ? table(rows) : 'nothing to remove\n');
  }
  for (const { name, error } of report.failed) {
    failures.push({
      code: 'UNKNOWN',
      message: `${name} could not be removed: ${error}`,
      exitCode: EXIT.sandbox,
    });
  }
  return tellFailures(context, failures);
}

const size = (count: number | null) => (count === null ? '-' : bytes(count));
