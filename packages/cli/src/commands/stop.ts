import type { Command } from 'commander';
import { type CommandContext, jsonOption, runtimeOption } from '../command-context.ts';
import { withSandboxes } from '../open-sandboxes.ts';
import { configOption } from '../settings.ts';
import { eachTarget, tellOutcomes } from '../targets/each-target.ts';
import { NAME_OR_HERE, type TargetFlags, targetsOf, workspaceOption } from '../targets/targets.ts';

interface StopFlags extends TargetFlags {
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function declareStop(program: Command, context: CommandContext): void {
  program
    .command('stop')
    .description('end all commands of sandboxes, and keep their files')
    .argument('[NAME...]', NAME_OR_HERE)
    .addOption(workspaceOption())
    .addOption(runtimeOption())
    .addOption(configOption())
    .addOption(jsonOption('what was stopped'))
    .addHelpText(
      'after',
      `\nOne that is not running is a success. An ephemeral one is gone then.\n\nExamples:\n  ${context.name} stop\n  ${context.name} stop --workspace ~/work/web\n  ${context.name} stop sandbox-web-1f2e3d4c5b6a\n`,
    )
    .action(
      context.exits(async (names: string[], flags: StopFlags) => {
        const outcomes = await withSandboxes(context, flags, async (sandboxes) =>
          eachTarget(sandboxes, await targetsOf(sandboxes, names, flags, context.io), (sandbox) =>
            sandbox.stop(),
          ),
        );
        return tellOutcomes(context, outcomes, { done: 'stopped', json: flags.json });
      }),
    );
}
