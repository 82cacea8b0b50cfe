import type { DetachedCommand, Sandbox, Sandboxes } from '@sandbox/core';
import type { Command } from 'commander';
import { type CommandContext, runtimeOption } from '../command-context.ts';
import { stoppable } from '../execution/stoppable.ts';
import { withSandboxes } from '../open-sandboxes.ts';
import { configOption } from '../settings.ts';
import { findTarget, type TargetFlags, targetOf, workspaceOption } from '../targets/targets.ts';
import { UsageError } from '../usage-error.ts';

export interface DetachedFlags extends TargetFlags {
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
}

/** For commands about one detached command: `NAME ID`, or the ID alone for the sandbox of a workspace. */
export function declareOneDetached(command: Command): Command {
  return command
    .usage('[options] [NAME] ID')
    .argument('[NAME]', 'the sandbox, as sandbox ls shows it (default: the one of the workspace here)')
    .argument('[ID]', 'the command, as sandbox ps shows it')
    .addOption(workspaceOption())
    .addOption(runtimeOption())
    .addOption(configOption());
}

/** Finds the command that the words mean, and lets go of everything however `use` ends. */
export function withDetached(
  context: CommandContext,
  [first, second]: readonly (string | undefined)[],
  flags: DetachedFlags,
  use: (found: { sandbox: Sandbox; command: DetachedCommand; signal: AbortSignal }) => Promise<number>,
): Promise<number> {
  const [name, id] = second === undefined ? [undefined, first] : [first, second];
  if (id === undefined) {
    throw new UsageError(
      'no command is named',
      `\`${context.name} ps\` shows the IDs: give NAME ID, or ID alone.`,
    );
  }
  return stoppable(context.io, (signal) =>
    withSandboxes(context, flags, async (sandboxes) => {
      const sandbox = await sandboxOf(sandboxes, name, flags, context);
      return use({ sandbox, command: await sandbox.commands.get(id), signal });
    }),
  );
}

export async function sandboxOf(
  sandboxes: Sandboxes,
  name: string | undefined,
  flags: DetachedFlags,
  { io }: CommandContext,
): Promise<Sandbox> {
  return findTarget(sandboxes, await targetOf(sandboxes, name, flags, io));
}
