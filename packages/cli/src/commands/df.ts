import type { Belonging } from '@sandbox/core';
import type { Command } from 'commander';
import { write } from '../cli-io.ts';
import { type CommandContext, jsonOption, runtimeOption } from '../command-context.ts';
import { EXIT } from '../exit-code.ts';
import { type Failure, failureOf, failureText } from '../failure.ts';
import { withSandboxes } from '../open-sandboxes.ts';
import { type Paint, painter } from '../output/colors.ts';
import { printable } from '../output/printable.ts';
import { bytes } from '../output/quantities.ts';
import { table } from '../output/table.ts';
import { print, printJson } from '../print.ts';
import { configOption } from '../settings.ts';
import { type StateFile, stateFiles } from '../state-files.ts';

/** A belonging of a runtime, or what is this program's own. */
export interface UsageRow extends Omit<Belonging, 'kind' | 'runtime'> {
  readonly runtime: string | null;
  readonly kind: Belonging['kind'] | StateFile['kind'];
}

export function declareDf(program: Command, context: CommandContext): void {
  program
    .command('df')
    .description('show what sandboxes, volumes, images, the registry and the history occupy')
    .addOption(runtimeOption())
    .addOption(configOption())
    .addOption(jsonOption('each of them'))
    .addHelpText(
      'after',
      `\nA sandbox is what it has written outside of its volumes; images count in full, also where they share layers.\n\nExamples:\n  ${context.name} df\n  ${context.name} df --json | jq '[.[].sizeBytes] | add'\n`,
    )
    .action(
      context.exits(async ({ json, ...flags }: { runtime?: string; config?: string; json?: boolean }) => {
        const unavailable: Failure[] = [];
        const belongings = await withSandboxes(context, flags, (sandboxes) =>
          sandboxes.usage({ onUnavailable: (reason) => unavailable.push(failureOf(reason)) }),
        );
        const own = await stateFiles(context.io.env);
        const rows: UsageRow[] = [...belongings, ...own.map((file) => ({ runtime: null, ...file }))];
        if (json) await printJson(context, rows);
        else await print(context, usageTable(rows, painter(context.io.stdout, context.io.env)));
        for (const failure of unavailable) {
          await write(context.io.stderr, failureText(failure, `${context.name}: warning`));
        }
        return EXIT.ok;
      }),
    );
}

export function usageTable(rows: readonly UsageRow[], paint: Paint): string {
  if (rows.length === 0) return 'nothing\n';
  const heading = ['RUNTIME', 'KIND', 'SIZE', 'NAME'];
  const cells = rows.map((row) => [
    row.runtime ?? '-',
    row.kind,
    row.sizeBytes === null ? '-' : bytes(row.sizeBytes),
    printable(row.name) + (row.kind === 'image' && !row.inUse ? paint('quiet', ' (unused)') : ''),
  ]);
  const total = rows.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0);
  const sum = [paint('heading', 'total'), '', bytes(total), ''];
  return table([heading.map((cell) => paint('heading', cell)), ...cells, sum]);
}
