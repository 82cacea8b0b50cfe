import { realpathSync } from 'node:fs';
import type { Caller, Sandbox, Sandboxes } from '@sandbox/core';
import { Option } from 'commander';
import type { CliIo } from '../cli-io.ts';
import { directoryOf } from '../execution/request.ts';
import { UsageError } from '../usage-error.ts';
import { chooseWorkspace } from './choose-workspace.ts';

/** For every command that takes the name of a sandbox. */
export const workspaceOption = () =>
  new Option('--workspace <dir>', 'the sandbox of this host directory, in place of a NAME');

/** What the help says of a NAME that may be left out. */
export const NAME_OR_HERE = 'as sandbox ls shows it (default: the sandbox of the workspace here)';

export interface TargetFlags {
  readonly workspace?: string;
}

/** A sandbox that a command line means. */
export interface Target {
  readonly name: string;
  /** Where it was meant by that. */
  readonly workspace?: string;
}

/** Those that are named; by a workspace, the one that it has; else, the one of the workspace here. */
export async function targetsOf(
  sandboxes: Sandboxes,
  names: readonly string[],
  { workspace }: TargetFlags,
  io: CliIo,
): Promise<Target[]> {
  if (names.length > 0) {
    if (workspace === undefined) return [...new Set(names)].map((name) => ({ name }));
    throw new UsageError('NAME and --workspace exclude each other', 'Leave one of them out.');
  }
  const directory = directoryOf(workspace, io.cwd) ?? (await chooseWorkspace(io, sandboxes));
  const { longLivedName } = await import('@sandbox/core');
  const real = realOrGone(directory);
  return [{ name: longLivedName(real), workspace: real }];
}

/** For commands that take one. */
export async function targetOf(
  sandboxes: Sandboxes,
  name: string | undefined,
  flags: TargetFlags,
  io: CliIo,
): Promise<Target> {
  const [target] = await targetsOf(sandboxes, name === undefined ? [] : [name], flags, io);
  return target as Target;
}

/** The sandbox itself, for a caller who is going to use it or for whoever looks after it. `NOT_FOUND` in the words in which it was asked for. */
export async function findTarget(
  sandboxes: Sandboxes,
  { name, workspace }: Target,
  caller?: Caller,
): Promise<Sandbox> {
  const { SandboxError } = await import('@sandbox/core');
  try {
    return await sandboxes.get(name, caller);
  } catch (error) {
    if (workspace === undefined || !SandboxError.is(error) || error.code !== 'NOT_FOUND') throw error;
    throw new SandboxError('NOT_FOUND', `the workspace ${workspace} has no sandbox`, {
      operation: 'get',
      sandbox: name,
      hint: `\`sandbox exec --workspace ${workspace} -- COMMAND\` makes one; \`sandbox ls\` shows those that there are.`,
      cause: error,
    });
  }
}

/** A workspace that is gone had a sandbox all the same. */
function realOrGone(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return directory;
  }
}
