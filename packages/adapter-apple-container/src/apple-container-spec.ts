import { type ContainerAnswer, labelArgs } from '@sandbox/apple-container-client';
import {
  type ExecSpec,
  GUEST_USER_NAME,
  LABEL,
  type MountSpec,
  refuseUnsupported,
  SandboxError,
  type SandboxSpec,
  validateSpec,
} from '@sandbox/core';
import { APPLE_CONTAINER_CAPABILITIES } from './apple-container-capabilities.ts';

const MIB = 2 ** 20;
const AGENTS = '/.sandbox';

type VolumeMount = MountSpec & { readonly type: 'volume' };

/**
 * The command that makes a sandbox. Every option carries its value behind an equal sign, so that no value is taken for another option, and the only `--` stands
 * before the image: after it, it would be the guest's. Throws for what the runtime cannot do; leaves nothing out. Pure.
 */
export function createArgs(spec: SandboxSpec, agentDirectory: string): string[] {
  const { limits, security, user, root } = spec;
  if (root.type !== 'image') throw unsupported(`a root of type ${root.type}: it takes only images`);
  refuseUnsupported(spec, APPLE_CONTAINER_CAPABILITIES);
  refuseBeyondLimits(spec);
  checkSpec(spec, agentDirectory);
  const [program, ...rest] = spec.argv;
  const limit = (value: number | null, write: (value: number) => string) =>
    value === null ? [] : [write(value)];
  return [
    'create',
    `--name=${spec.name}`,
    ...(spec.lifecycle === 'ephemeral' ? ['--rm'] : []),
    ...labelArgs(spec.labels),
    `--user=${user.uid}:${user.gid}`,
    `--workdir=${spec.workdir}`,
    ...Object.entries(spec.env).map(([key, value]) => `--env=${key}=${value}`),
    ...limit(limits.memoryBytes, (bytes) => `--memory=${Math.floor(bytes / MIB)}m`),
    ...limit(limits.cpus, (cpus) => `--cpus=${cpus}`),
    '--ulimit=core=0',
    ...limit(limits.openFiles, (files) => `--ulimit=nofile=${files}`),
    ...limit(limits.fileSizeBytes, (bytes) => `--ulimit=fsize=${bytes}`),
    `--volume=${agentDirectory}:${AGENTS}:nosuid,nodev,ro`,
    ...spec.mounts.map(mountArg),
    ...(root.readOnly ? ['--read-only'] : []),
    ...(security.capabilities === null ? [] : ['--cap-drop=ALL']),
    ...(security.capabilities ?? []).map((name) => `--cap-add=${name}`),
    ...(spec.network === 'none' ? ['--network=none'] : []),
    // The image's own entry point would come before the command.
    `--entrypoint=${program}`,
    '--',
    root.image,
    ...rest,
  ];
}

/** The program puts new variables after those of the main process, and of two of one name a program sees the first: those go through the guest's own `env`. */
export function execArgs(
  name: string,
  { argv, user, env = {} }: ExecSpec,
  { configuration }: ContainerAnswer,
): string[] {
  const known = new Set(configuration.initProcess?.environment?.map((pair) => pair.split('=', 1)[0]));
  const pairs = (isKnown: boolean) =>
    Object.entries(env).flatMap(([key, value]) => (known.has(key) === isKnown ? [`${key}=${value}`] : []));
  const changed = pairs(true);
  return [
    'exec',
    '--interactive',
    ...(user ? [`--user=${user.uid}:${user.gid}`] : []),
    ...pairs(false).map((pair) => `--env=${pair}`),
    ...['--', name, ...(changed.length > 0 ? ['/usr/bin/env', ...changed] : []), ...argv],
  ];
}

/** The command that gives a new disk, whose root is root's, to its owner: it may change that, and nothing more. */
export function ownerArgs(name: string, { root, labels }: SandboxSpec, mount: VolumeMount): string[] {
  return [
    ...['run', '--rm', '--progress=none', `--name=${name}`],
    ...labelArgs({ ...labels, [LABEL.name]: name, [LABEL.lifecycle]: 'ephemeral' }),
    ...['--user=0:0', '--memory=256m', '--network=none', '--cap-drop=ALL', '--cap-add=CHOWN'],
    ...[`--volume=${mount.volume}:/volume`, '--entrypoint=/bin/chown', '--'],
    ...[root.type === 'image' ? root.image : '', `${mount.owner.uid}:${mount.owner.gid}`, '/volume'],
  ];
}

const ACCOUNT = `grep -q "^[^:]*:[^:]*:$1:" /etc/passwd || echo "${GUEST_USER_NAME}:x:$1:$2::$3:/bin/sh" >> /etc/passwd
grep -q "^[^:]*:[^:]*:$2:" /etc/group || echo "${GUEST_USER_NAME}:x:$2:" >> /etc/group`;

/** The command that gives the user of a sandbox that keeps its root a name; undefined where there is nothing to do. */
export function accountArgs({ configuration }: ContainerAnswer): string[] | undefined {
  const { id, readOnly, initProcess } = configuration;
  const [uid = '0', gid = uid] = initProcess?.user?.raw?.userString.split(':') ?? [];
  if (readOnly || uid === '0') return undefined;
  const home = initProcess?.environment?.find((pair) => pair.startsWith('HOME='))?.slice('HOME='.length);
  const script = ['/bin/sh', '-c', ACCOUNT, 'sh', uid, gid, home?.replace(/[:\n]/g, '') || '/'];
  return ['exec', '--user=0:0', '--', id, ...script];
}

function mountArg(mount: MountSpec): string {
  if (mount.type !== 'tmpfs') {
    const source = mount.type === 'bind' ? mount.source : mount.volume;
    return `--volume=${source}:${mount.target}:nosuid,nodev${mount.readOnly ? ',ro' : ''}`;
  }
  // It belongs to root, and only the mode can let its owner in.
  const mode = mount.owner.uid === 0 ? mount.mode : 0o1777;
  const size = Math.floor(mount.sizeBytes / MIB);
  return `--mount=type=tmpfs,target=${mount.target},size=${size}m,mode=${mode.toString(8)}`;
}

/** Who has no right to it would get one, and programs could be run. */
function isBeyondTmpfs(mount: MountSpec): boolean {
  if (mount.type !== 'tmpfs') return false;
  return mount.sizeBytes < MIB || !mount.exec || (mount.owner.uid !== 0 && (mount.mode & 0o077) === 0);
}

/** What it can only do within limits. */
function refuseBeyondLimits({ limits, mounts }: SandboxSpec): void {
  const { memoryBytes, cpus } = limits;
  const words = [
    memoryBytes !== null && memoryBytes < 200 * MIB && 'memory of less than 200 MiB',
    cpus !== null && !(Number.isInteger(cpus) && cpus > 0) && 'fractional cpus',
    mounts.some(isBeyondTmpfs) && 'a tmpfs-size below 1 MiB, for its owner alone, or without exec',
  ].filter(Boolean);
  if (words.length > 0) throw unsupported(words.join(', '));
}

function checkSpec(spec: SandboxSpec, agentDirectory: string): void {
  const { labels, mounts } = spec;
  validateSpec(spec);
  if (spec.name.length < 2) throw invalid(`the name ${spec.name}`);
  if (Object.values(labels).some((value) => value.includes('\0'))) throw invalid('a NUL byte in a label');
  checkPath(agentDirectory, /:/);
  // Of a directory that is shared twice the mode of the last one holds for both.
  const taken = new Set([agentDirectory]);
  for (const mount of mounts) {
    checkPath(mount.target, mount.type === 'tmpfs' ? /[,=]/ : /:/);
    if (mount.type !== 'bind') continue;
    checkPath(mount.source, /:/);
    if (taken.has(mount.source)) throw invalid(`${JSON.stringify(mount.source)} mounted twice`);
    taken.add(mount.source);
  }
}

function checkPath(path: string, divider: RegExp): void {
  if (divider.test(path) || /\p{Cc}/u.test(path))
    throw invalid(
      `the path ${JSON.stringify(path)}: its command line takes apart what has ":", "," or a newline in it`,
    );
}

function invalid(what: string): SandboxError {
  return new SandboxError('INVALID_ARGUMENT', `apple-container cannot make a sandbox with ${what}`);
}

function unsupported(what: string): SandboxError {
  return new SandboxError('UNSUPPORTED', `apple-container cannot enforce ${what}`);
}
