import type { Sandbox } from '@sandbox/core';
import type { Command } from 'commander';
import { type CommandContext, jsonOption, runtimeOption } from '../command-context.ts';
import { withSandboxes } from '../open-sandboxes.ts';
import { configOption } from '../settings.ts';
import { eachTarget, tellOutcomes } from '../targets/each-target.ts';
import { NAME_OR_HERE, type TargetFlags, targetsOf, workspaceOption } from '../targets/targets.ts';

interface StartFlags extends TargetFlags {
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function declareStart(program: Command, context: CommandContext): void {
  program
    .command('start')
    .description('start sandboxes that were stopped')
    .argument('[NAME...]', NAME_OR_HERE)
    .addOption(workspaceOption())
    .addOption(runtimeOption())
    .addOption(configOption())
    .addOption(jsonOption('what was started'))
    .addHelpText(
      'after',
      `\nOne that is running is a success. ${context.name} exec and ${context.name} shell start theirs by themselves.\n\nExamples:\n  ${context.name} start\n  ${context.name} start sandbox-web-1f2e3d4c5b6a\n`,
    )
    .action(
      context.exits(async (names: string[], flags: StartFlags) => {
        const outcomes = await withSandboxes(context, flags, async (sandboxes) =>
          eachTarget(sandboxes, await targetsOf(sandboxes, names, flags, context.io), startKept),
        );
        return tellOutcomes(context, outcomes, { done: 'started', json: flags.json });
      }),
    );
}

async function startKept(sandbox: Sandbox): Promise<void> {
  if (sandbox.lifecycle === 'long-lived') return sandbox.start();
  const { SandboxError } = await import('@sandbox/core');
  throw new SandboxError('FAILED_PRECONDITION', `${sandbox.name} is ephemeral: it runs once`, {
    operation: 'start',
    runtime: sandbox.runtime,
    sandbox: sandbox.name,
    hint: 'Whoever made it runs it, and removes it afterwards: `sandbox run`.',
  });
}
