import { AGENT_DIRECTORY } from '@sandbox/guest';
import { SandboxError } from '../errors/sandbox-error.ts';
import { validateName } from '../naming/names.ts';
import { validateCommand, validateEnv } from '../policy/command.ts';
import type { Capabilities, Control, Facet } from './capabilities.ts';
import type { MountSpec, SandboxSpec } from './spec.ts';

/** Longer than names of sandboxes may be, from which it is made. */
const VOLUME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/**
 * Throws `INVALID_ARGUMENT` for what no runtime could make: a command or variable that no system takes, a path that is not absolute, not plain or used twice. Core asks for no such thing;
 * an adapter may also be called by others. Pure.
 */
export function validateSpec({ name, argv, env, workdir, mounts }: SandboxSpec): void {
  validateName(name);
  validateCommand(argv);
  validateEnv(env);
  if (!isPlainPath(workdir)) throw invalid(`the working directory ${JSON.stringify(workdir)}`);
  const targets = new Set<string>([AGENT_DIRECTORY]);
  for (const mount of mounts) {
    const target = validTarget(mount);
    if (targets.has(target)) throw invalid(`a second mount at ${target}`);
    targets.add(target);
  }
}

function validTarget(mount: MountSpec): string {
  const target = mount.target.replace(/\/+$/, '');
  if (!isPlainPath(target) || target.startsWith(`${AGENT_DIRECTORY}/`))
    throw invalid(`a mount at ${JSON.stringify(mount.target)}`);
  if (mount.type === 'volume' && !VOLUME.test(mount.volume))
    throw invalid(`a volume named ${JSON.stringify(mount.volume)}`);
  if (mount.type === 'bind' && !isPlainPath(mount.source))
    throw invalid(`a mount of ${JSON.stringify(mount.source)}`);
  return target;
}

/** Absolute, without `.`, `..` or a NUL byte. */
function isPlainPath(path: string): boolean {
  return path.startsWith('/') && !path.includes('\0') && !/(^|\/)\.{1,2}(\/|$)/.test(path);
}

function invalid(what: string): SandboxError {
  return new SandboxError('INVALID_ARGUMENT', `no sandbox can have ${what}`, { operation: 'create' });
}

/**
 * Throws `UNSUPPORTED`, naming the control or facet, for the first thing in a spec that cannot be had by `capabilities`: those of this host. What is `limited` is the adapter's own to
 * judge. Pure.
 */
export function refuseUnsupported(spec: SandboxSpec, { controls, facets }: Capabilities): void {
  const asked = { ...controls, ...facets };
  for (const what of askedIn(spec)) {
    const { support, how } = asked[what];
    if (support !== 'unsupported') continue;
    throw new SandboxError('UNSUPPORTED', `${what}: ${how}`, { operation: 'create', sandbox: spec.name });
  }
}

function askedIn({ limits, network, root, security, mounts, lifecycle }: SandboxSpec): (Control | Facet)[] {
  const has = (type: MountSpec['type']) => mounts.some((mount) => mount.type === type);
  const wanted: readonly [Control | Facet, boolean][] = [
    ['memory', limits.memoryBytes !== null],
    ['cpus', limits.cpus !== null],
    ['pids', limits.pids !== null],
    ['open-files', limits.openFiles !== null],
    ['file-size', limits.fileSizeBytes !== null],
    ['disk', limits.diskBytes !== null],
    ['tmpfs-size', has('tmpfs')],
    ['read-only-root', root.readOnly],
    [`network-${network}`, true],
    ['capabilities', security.capabilities !== null],
    ['no-new-privileges', security.noNewPrivileges],
    ['seccomp', security.seccomp],
    ['long-lived', lifecycle === 'long-lived'],
    ['images', root.type === 'image'],
    ['volumes', has('volume')],
  ];
  return wanted.filter(([, isWanted]) => isWanted).map(([what]) => what);
}
