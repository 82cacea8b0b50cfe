import type { Sandboxes } from '@sandbox/core';
import type { Command } from 'commander';
import { write } from '../cli-io.ts';
import { type CommandContext, jsonOption, runtimeOption } from '../command-context.ts';
import { canAsk, confirm } from '../confirm.ts';
import { EXIT } from '../exit-code.ts';
import { type Failure, failureOf, failureText } from '../failure.ts';
import { withSandboxes } from '../open-sandboxes.ts';
import { configOption } from '../settings.ts';
import { eachTarget, type TargetOutcome, tellOutcomes } from '../targets/each-target.ts';
import { findTarget, type Target, type TargetFlags, targetsOf, workspaceOption } from '../targets/targets.ts';
import { UsageError } from '../usage-error.ts';

interface RmFlags extends TargetFlags {
  readonly force?: boolean;
  readonly all?: boolean;
  readonly includeProtected?: boolean;
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function declareRm(program: Command, context: CommandContext): void {
  program
    .command('rm')
    .description('remove sandboxes, running ones too, with their home volumes')
    .argument('[NAME...]', 'as sandbox ls shows them')
    .option('--all', 'all that sandbox ls shows, but protected ones')
    .option('--include-protected', 'with --all: also those of users with trust full and above')
    .option('-f, --force', 'do not ask; a sandbox that is not there is no error')
    .addOption(workspaceOption())
    .addOption(runtimeOption())
    .addOption(configOption())
    .addOption(jsonOption('what was removed'))
    .addHelpText(
      'after',
      `\nWorkspaces stay as they are. On a terminal it asks before it removes one that lives long.\n\nExamples:\n  ${context.name} rm sandbox-app-1f2e3d4c5b6a\n  ${context.name} rm --workspace .\n  ${context.name} rm --all -f\n  ${context.name} ls --json | jq -r '.[].name' | xargs ${context.name} rm -f\n`,
    )
    .action(context.exits((names: string[], flags: RmFlags) => rm(names, flags, context)));
}

async function rm(names: readonly string[], flags: RmFlags, context: CommandContext): Promise<number> {
  checkUsage(names, flags);
  const unavailable: Failure[] = [];
  const outcomes = await withSandboxes(context, flags, async (sandboxes) => {
    const targets = flags.all
      ? await allOf(sandboxes, flags, unavailable)
      : await targetsOf(sandboxes, names, flags, context.io);
    if (!(await mayRemove(sandboxes, targets, flags, context))) return null;
    return eachTarget(sandboxes, targets, (sandbox) => sandbox.remove());
  });
  if (outcomes === null) return EXIT.declined;
  const told = flags.force ? outcomes.map(goneIsFine) : outcomes;
  const exitCode = await tellOutcomes(context, told, { done: 'removed', json: flags.json });
  for (const failure of unavailable) await write(context.io.stderr, failureText(failure, context.name));
  return unavailable.length === 0 ? exitCode : EXIT.sandbox;
}

function checkUsage(names: readonly string[], { all, includeProtected, workspace }: RmFlags): void {
  const isNamed = names.length > 0 || workspace !== undefined;
  if (!isNamed && !all)
    throw new UsageError('nothing is named that is to be removed', 'Give a NAME, --workspace DIR, or --all.');
  if (isNamed && all) throw new UsageError('--all and a name exclude each other', 'Leave one of them out.');
  if (includeProtected && !all)
    throw new UsageError('--include-protected goes with --all', 'What is named goes in any case.');
}

async function allOf(
  sandboxes: Sandboxes,
  { includeProtected = false }: RmFlags,
  unavailable: Failure[],
): Promise<Target[]> {
  const list = await sandboxes.list({ onUnavailable: (reason) => unavailable.push(failureOf(reason)) });
  return list.filter((sandbox) => includeProtected || !sandbox.protected).map(({ name }) => ({ name }));
}

/** Asks where something would be lost that lives long, and somebody is there to answer. */
async function mayRemove(
  sandboxes: Sandboxes,
  targets: readonly Target[],
  { force = false }: RmFlags,
  { io }: CommandContext,
): Promise<boolean> {
  if (force || targets.length === 0 || !canAsk(io)) return true;
  const found = await Promise.all(
    targets.map((target) => findTarget(sandboxes, target).catch(() => undefined)),
  );
  const kept = found.filter((sandbox) => sandbox?.lifecycle === 'long-lived');
  const [first, ...others] = kept;
  if (first === undefined) return true;
  if (others.length > 0) return confirm(io, `remove ${kept.length} long-lived sandboxes with their homes?`);
  // A task has none, and its project's volume stays.
  const { task } = await first.inspect().catch(() => ({ task: null }));
  return confirm(io, `remove ${first.name}${task === null ? ' with its home' : ''}?`);
}

function goneIsFine(outcome: TargetOutcome): TargetOutcome {
  return outcome.failure?.code === 'NOT_FOUND' ? { name: outcome.name } : outcome;
}
