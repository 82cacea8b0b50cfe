import { statSync } from 'node:fs';
import { posix } from 'node:path';
import {
  type Capabilities,
  type Control,
  SandboxError,
  type SandboxSpec,
  validateCommand,
  validateEnv,
  validateName,
} from '@sandbox/core';
import type { MountOwner } from './ids.ts';
import { checkOverlayPath, checkTargets } from './root.ts';

type Asked = Pick<SandboxSpec, 'name' | 'limits' | 'network' | 'root' | 'mounts' | 'user'>;

/** Refuses whatever no jail can be, or not as it was asked for, by its name. `controls` are those of this host, `keptIn` is where changes of a root are kept. */
export function checkSpec(
  spec: SandboxSpec,
  { controls }: Capabilities,
  { isRoot, keptIn }: { readonly isRoot: boolean; readonly keptIn: string },
): void {
  validateName(spec.name);
  validateCommand(spec.argv);
  validateEnv(spec.env);
  if (!spec.workdir.startsWith('/'))
    throw refusal('INVALID_ARGUMENT', `workdir: ${spec.workdir} is not absolute`);
  for (const [control, asked] of askedControls(spec)) {
    if (asked && controls[control].support === 'unsupported')
      throw unsupported(control, controls[control].how);
  }
  checkRoot(spec, keptIn);
  checkTargets(spec);
  for (const mount of spec.mounts) checkMount(mount, spec, isRoot);
}

function* askedControls({ limits, network }: Asked): Generator<[Control, boolean]> {
  yield ['memory', limits.memoryBytes !== null];
  yield ['cpus', limits.cpus !== null];
  yield ['pids', limits.pids !== null];
  yield ['disk', limits.diskBytes !== null];
  yield ['network-full', network === 'full'];
}

function checkRoot({ root }: Asked, keptIn: string): void {
  if (root.type === 'image') {
    throw unsupported(
      'images',
      `${root.image} would have to be unpacked: give its directory as an absolute path`,
    );
  }
  if (root.type === 'host') return;
  if (!root.readOnly) {
    checkOverlayPath('the root file system', root.path);
    checkOverlayPath('the state directory', keptIn);
  }
  if (!isDirectory(root.path)) throw refusal('FAILED_PRECONDITION', `${root.path} is not a directory`);
}

function checkMount(mount: SandboxSpec['mounts'][number], { user }: Asked, isRoot: boolean): void {
  const { target } = mount;
  if (posix.normalize(target) !== target || !target.startsWith('/') || target.includes('\0')) {
    throw refusal('INVALID_ARGUMENT', `${JSON.stringify(target)} is not a place to mount at`);
  }
  if (mount.type === 'bind' && mount.source.includes('\0'))
    throw refusal('INVALID_ARGUMENT', 'a path has a NUL byte');
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
