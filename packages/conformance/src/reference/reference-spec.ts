import { join } from 'node:path';
import { type Control, type Readback, SandboxError, type SandboxSpec } from '@sandbox/core';
import { agentPath } from '@sandbox/guest';

/** Where a sandbox's parts lie on the host. */
export interface World {
  /** The sandbox's own directory. */
  readonly root: string;
  /** The copy of the agent that its user may execute. */
  readonly agent: string;
}

/** Refuses every part of a spec that a plain process cannot enforce, by the name of its control. */
export function refuseUnenforceable(spec: SandboxSpec, isRoot: boolean, hardOpenFiles: number): void {
  const { limits, security } = spec;
  refuseIf(limits.memoryBytes !== null, 'memory');
  refuseIf(limits.cpus !== null, 'cpus');
  refuseIf(limits.pids !== null, 'pids');
  refuseIf(limits.diskBytes !== null, 'disk');
  refuseIf((limits.openFiles ?? 0) > hardOpenFiles, 'open-files');
  refuseIf(spec.root.readOnly, 'read-only-root');
  refuseIf(spec.network === 'none', 'network-none');
  refuseIf(security.capabilities !== null, 'capabilities');
  refuseIf(security.noNewPrivileges, 'no-new-privileges');
  refuseIf(security.seccomp, 'seccomp');
  refuseIf(!isRoot && (spec.user.uid !== process.getuid?.() || spec.user.gid !== process.getgid?.()), 'user');
  refuseIf(
    spec.mounts.some((mount) => mount.type === 'tmpfs'),
    'tmpfs-size',
  );
  refuseIf(
    spec.mounts.some((mount) => mount.type === 'bind'),
    'workspace-access',
  );
  if (spec.root.type !== 'host') throw unsupported('images', 'there is no root file system but the host’s');
  for (const mount of spec.mounts) {
    if (mount.type === 'volume' && mount.readOnly)
      throw unsupported('volumes', 'volumes cannot be read-only');
  }
}

function refuseIf(asked: boolean, control: Control): void {
  if (asked) throw unsupported(control, 'a plain process cannot enforce it');
}

function unsupported(what: string, why: string): SandboxError {
  return new SandboxError('UNSUPPORTED', `${what}: ${why}`, { operation: 'create' });
}

/** Names are also names of directories. */
export function checkNames(spec: SandboxSpec): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,200}$/.test(spec.name)) {
    throw new SandboxError('INVALID_ARGUMENT', `not a name: ${JSON.stringify(spec.name)}`, {
      operation: 'create',
    });
  }
  const words = [...spec.argv, ...Object.keys(spec.env), ...Object.values(spec.env), spec.workdir];
  const bad =
    spec.argv.length === 0 || Object.keys(spec.env).some((name) => name === '' || name.includes('='));
  if (bad || words.some((word) => word.includes('\0'))) {
    throw new SandboxError('INVALID_ARGUMENT', 'argv, env or workdir cannot be given to a process', {
      operation: 'create',
    });
  }
}

export function readback(spec: SandboxSpec, isRoot: boolean): Readback[] {
  const rows: Readback[] = [
    {
      control: 'user',
      status: isRoot ? 'enforced' : 'limited',
      effective: `${spec.user.uid}:${spec.user.gid}`,
      how: isRoot ? 'setuid' : 'the only user there is',
    },
    { control: 'network-full', status: 'limited', effective: 'full', how: "the host's own network" },
  ];
  const { openFiles, fileSizeBytes } = spec.limits;
  if (openFiles !== null) {
    rows.push({ control: 'open-files', status: 'enforced', effective: openFiles, how: 'RLIMIT_NOFILE' });
  }
  if (fileSizeBytes !== null) {
    const effective = Math.floor(fileSizeBytes / 512) * 512;
    rows.push({ control: 'file-size', status: 'enforced', effective, how: 'RLIMIT_FSIZE' });
  }
  return rows;
}

export interface Launch {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/**
 * Turns the guest's paths into the host's, where an adapter is asked to make them true: the agent's in argv[0], the working directory, HOME and
 * TMPDIR. All other words reach the process as they are.
 */
export function launchOf(
  spec: SandboxSpec,
  world: World,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Launch {
  const [program = '', ...words] = argv;
  const translated = program === agentPath(spec.agent.digest) ? world.agent : program;
  const merged = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', ...spec.env, ...env };
  return {
    argv: limited(spec, [translated, ...words]),
    env: Object.fromEntries(
      Object.entries(merged).map(([name, value]) => [name, inWorld(name, value, world.root)]),
    ),
    cwd: join(world.root, spec.workdir),
  };
}

function inWorld(name: string, value: string, root: string): string {
  return (name === 'HOME' || name === 'TMPDIR') && value.startsWith('/') ? join(root, value) : value;
}

/** Directories that the spec takes for granted. */
export function directoriesOf(spec: SandboxSpec): string[] {
  const { HOME: home = '/tmp', TMPDIR: temporary = '/tmp' } = spec.env;
  return ['/tmp', home, temporary, spec.workdir].filter((path) => path.startsWith('/'));
}

/** A shell sets the limits and becomes the program: `"$@"` hands over the words untouched. */
function limited(spec: SandboxSpec, argv: readonly string[]): readonly string[] {
  const { openFiles, fileSizeBytes } = spec.limits;
  const orders = [
    ...(openFiles === null ? [] : [`ulimit -n ${openFiles}`]),
    ...(fileSizeBytes === null ? [] : [`ulimit -f ${Math.floor(fileSizeBytes / 512)}`]),
  ];
  if (orders.length === 0) return argv;
  return ['/bin/sh', '-c', `${orders.join(' && ')} && exec "$@"`, 'sh', ...argv];
}

/** What is only claimed is left out: that is the lie. */
export function withoutClaims(spec: SandboxSpec, claims: readonly Control[]): SandboxSpec {
  const claimed = (control: Control) => claims.includes(control);
  return {
    ...spec,
    network: claimed('network-none') ? 'full' : spec.network,
    mounts: spec.mounts.filter(({ type }) => type !== 'bind' || !claimed('workspace-access')),
  };
}
