import { statSync } from 'node:fs';
import {
  type Capabilities,
  refuseUnsupported,
  SandboxError,
  type SandboxSpec,
  validateSpec,
} from '@sandbox/core';
import type { MountOwner } from './ids.ts';
import { checkOverlayPath, checkTargets } from './root.ts';

type Asked = Pick<SandboxSpec, 'name' | 'limits' | 'network' | 'root' | 'mounts' | 'user'>;

/** Refuses whatever no jail can be, or not as it was asked for, by its name. `controls` are those of this host, `keptIn` is where changes of a root are kept. */
export function checkSpec(
  spec: SandboxSpec,
  capabilities: Capabilities,
  { isRoot, keptIn }: { readonly isRoot: boolean; readonly keptIn: string },
): void {
  validateSpec(spec);
  if (spec.root.type === 'image')
    throw unsupported(
      'images',
      `${spec.root.image} would have to be unpacked: give its directory as an absolute path`,
    );
  refuseUnsupported(spec, capabilities);
  checkRoot(spec, keptIn);
  checkTargets(spec);
  for (const mount of spec.mounts) checkMount(mount, spec, isRoot);
}

function checkRoot({ root }: Asked, keptIn: string): void {
  if (root.type !== 'directory') return;
  if (!root.readOnly) {
    checkOverlayPath('the root file system', root.path);
    checkOverlayPath('the state directory', keptIn);
  }
  if (!isDirectory(root.path)) throw refusal('FAILED_PRECONDITION', `${root.path} is not a directory`);
}

function checkMount(mount: SandboxSpec['mounts'][number], { user }: Asked, isRoot: boolean): void {
  const { target } = mount;
  if (mount.type === 'bind') ownerOf(mount);
  if (mount.type !== 'tmpfs' || isRoot) return;
  const { uid, gid } = mount.owner;
  if (uid !== user.uid || gid !== user.gid) {
    throw unsupported(
      'user',
      `${target} cannot belong to ${uid}:${gid}: without root rights there is one id, ${user.uid}`,
    );
  }
}

/** Whose a mounted directory is. `FAILED_PRECONDITION` where it is not there. */
export function ownerOf({ source, readOnly }: { source: string; readOnly: boolean }): MountOwner {
  try {
    const { uid, gid } = statSync(source);
    return { uid, gid, readOnly };
  } catch (cause) {
    throw new SandboxError(
      'FAILED_PRECONDITION',
      `${source} cannot be mounted: ${(cause as Error).message}`,
      {
        operation: 'create',
        cause,
      },
    );
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

export function unsupported(what: string, why: string): SandboxError {
  return refusal('UNSUPPORTED', `${what}: ${why}`);
}

function refusal(
  code: 'INVALID_ARGUMENT' | 'UNSUPPORTED' | 'FAILED_PRECONDITION',
  message: string,
): SandboxError {
  return new SandboxError(code, message, { operation: 'create' });
}
