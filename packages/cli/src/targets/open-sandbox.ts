import { realpathSync, statSync } from 'node:fs';
import type { PolicyInput, Sandbox, Sandboxes } from '@sandbox/core';
import type { CliIo } from '../cli-io.ts';
import type { ObtainOptions } from '../execution/perform.ts';
import type { OpenRequest } from '../execution/request.ts';
import { chooseWorkspace } from './choose-workspace.ts';

/** The sandbox that a command line means: one by name, or a task's or a workspace's, which is made where there is none yet. */
export async function openSandbox(
  sandboxes: Sandboxes,
  request: OpenRequest,
  io: CliIo,
  options: ObtainOptions,
): Promise<Sandbox> {
  if (request.name !== undefined) {
    const { user, cron } = options;
    return startNamed(await sandboxes.get(request.name, { user, cron }));
  }
  const { runtime, image, pull, recreate, lifecycle, tools } = request;
  if (request.task !== undefined) {
    const { policy } = request;
    // Others come with the next command: this program is not whose end is the task's.
    const kept = { ...request.task, keep: true };
    return sandboxes.open({ ...kept, runtime, image, pull, policy, recreate, tools, ...options });
  }
  const workspace = request.workspace ?? (await chooseWorkspace(io, sandboxes, options.signal));
  const policy = { ...request.policy, ...(await rootOf(workspace, request, sandboxes)) };
  const asked = { runtime, image, pull, policy, recreate, lifecycle, tools };
  return sandboxes.open({ workspace, ...asked, ...options });
}

/** One that others started, or that has stopped, is used as it is found. An ephemeral one runs as long as whoever made it, and is not started again. */
export async function startNamed(sandbox: Sandbox): Promise<Sandbox> {
  if (sandbox.lifecycle === 'long-lived') await sandbox.start();
  return sandbox;
}

/**
 * What root owns on the host is entered as root only by those who say so, and who the sandbox's own user is is decided when it is made: saying it
 * for the first command says it for the sandbox.
 */
async function rootOf(
  workspace: string,
  { user, policy, recreate }: OpenRequest,
  sandboxes: Sandboxes,
): Promise<PolicyInput> {
  const isRoot = user === 'root' || user?.split(':')[0] === '0';
  const { workspaceAccess = 'rw' } = policy;
  if (!isRoot || workspaceAccess !== 'rw') return {};
  if (statSync(workspace, { throwIfNoEntry: false })?.uid !== 0) return {};
  return recreate || !(await isThere(workspace, sandboxes)) ? { user } : {};
}

async function isThere(workspace: string, sandboxes: Sandboxes): Promise<boolean> {
  const { longLivedName, SandboxError } = await import('@sandbox/core');
  try {
    const found = await sandboxes.get(longLivedName(realpathSync(workspace)));
    // Of one that is missing there is a home, and the rest is made again.
    return (await found.inspect()).state !== 'missing';
  } catch (error) {
    // What cannot be asked is told by the opening.
    return !SandboxError.is(error) || error.code !== 'NOT_FOUND';
  }
}
