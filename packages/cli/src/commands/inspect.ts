import type { SandboxDetails } from '@sandbox/core';
import type { Command } from 'commander';
import { type CommandContext, jsonOption, runtimeOption } from '../command-context.ts';
import { EXIT } from '../exit-code.ts';
import { withSandboxes } from '../open-sandboxes.ts';
import { type Paint, painter } from '../output/colors.ts';
import { enforcementTable } from '../output/enforcement-table.ts';
import { printable } from '../output/printable.ts';
import { age } from '../output/quantities.ts';
import { table } from '../output/table.ts';
import { print, printJson } from '../print.ts';
import { configOption } from '../settings.ts';
import { findTarget, NAME_OR_HERE, type TargetFlags, targetOf, workspaceOption } from '../targets/targets.ts';

interface InspectFlags extends TargetFlags {
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function declareInspect(program: Command, context: CommandContext): void {
  program
    .command('inspect')
    .description('show one sandbox, and what is enforced in it')
    .argument('[NAME]', NAME_OR_HERE)
    .addOption(workspaceOption())
    .addOption(runtimeOption())
    .addOption(configOption())
    .addOption(jsonOption('all that is known of it'))
    .addHelpText(
      'after',
      `\nExamples:\n  ${context.name} inspect\n  ${context.name} inspect sandbox-app-1f2e3d4c5b6a\n  ${context.name} inspect --json sandbox-app-1f2e3d4c5b6a | jq .enforcement.memory\n`,
    )
    .action(
      context.exits(async (name: string | undefined, flags: InspectFlags) => {
        const details = await withSandboxes(context, flags, async (sandboxes) => {
          const target = await targetOf(sandboxes, name, flags, context.io);
          return (await findTarget(sandboxes, target)).inspect();
        });
        if (flags.json) await printJson(context, details);
        else await print(context, describe(details, new Date(), painter(context.io.stdout, context.io.env)));
        return EXIT.ok;
      }),
    );
}

export function describe(details: SandboxDetails, now: Date, paint: Paint): string {
  const facts: (readonly [string, string | null | undefined])[] = [
    ['name', details.name],
    ['runtime', details.runtime],
    ['id', details.id],
    ['state', details.state],
    ['lifecycle', details.lifecycle],
    ['image', details.image],
    ['workspace', details.workspace],
    ['project', details.project],
    ['task', details.task],
    ['user', details.user],
    ['trust', details.trust],
    ['age', age(details.createdAt, now)],
    ['last used', details.lastUsedAt && `${age(details.lastUsedAt, now)} ago`],
    ['open sessions', details.sessions?.toString()],
  ];
  const rows = facts
    .filter(([, fact]) => fact !== null && fact !== undefined)
    .map(([name, fact]) => [paint('heading', name), printable(fact ?? '')]);
  const enforced = enforcementTable(details.enforcement, paint);
  return `${table(rows)}${enforced && `\n${enforced}`}`;
}
