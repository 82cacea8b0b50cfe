import { stat as statHost } from 'node:fs/promises';
import { platform } from 'node:os';
import type { FileStat, GuestSession } from '@sandbox/guest';
import type { ProbeResult } from '../adapter/adapter.ts';
import type { ErrorContext } from '../errors/error-context.ts';
import { toSandboxError } from '../errors/guest-errors.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { GUEST_WORKSPACE } from '../lifecycle/guest-layout.ts';
import type { CheckedWorkspace } from '../workspace/check-workspace.ts';

/**
 * After a start: what lies at `/workspace` must be the host's directory, and not an empty one that an engine made in its place, nor one that was put
 * there between check and mount. Where host and guest share a kernel, both the device and the inode must be the same. Behind a virtual machine numbers are
 * translated; there either the inode or the moment of the last change must agree, to the second.
 */
export async function proveWorkspace(
  session: GuestSession,
  workspace: CheckedWorkspace,
  probe: ProbeResult,
  context: Omit<ErrorContext, 'operation'>,
): Promise<void> {
  const errors = { ...context, operation: 'start' };
  let seen: FileStat;
  try {
    seen = await session.files.stat(GUEST_WORKSPACE);
  } catch (error) {
    throw toSandboxError(error, errors);
  }
  if (seen.type === 'directory' && (await isSame(seen, workspace, probe))) return;
  throw new SandboxError(
    'FAILED_PRECONDITION',
    `what the sandbox has at ${GUEST_WORKSPACE} is not the host's ${workspace.path}`,
    {
      ...errors,
      hint: `Was the directory replaced? Then \`sandbox stop ${context.sandbox}\`: the next start mounts the new one. If the engine runs on another machine or in a virtual machine, share the directory with it.`,
    },
  );
}

async function isSame(seen: FileStat, workspace: CheckedWorkspace, probe: ProbeResult): Promise<boolean> {
  if (seen.ino === workspace.inode && seen.dev === workspace.device) return true;
  const sameKernel = platform() === 'linux' && probe.capabilities.boundary !== 'vm';
  if (sameKernel) return false;
  if (seen.ino === workspace.inode) return true;
  const { mtimeMs } = await statHost(workspace.path);
  return Math.floor(mtimeMs / 1000) === Math.floor(seen.mtimeMs / 1000);
}
