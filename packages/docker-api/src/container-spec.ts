import {
  LABEL,
  LABEL_PREFIX,
  type MountSpec,
  SandboxError,
  type SandboxSpec,
  validateSpec,
} from '@sandbox/core';
import type { ContainerBody, HostConfigBody, MountBody, UlimitBody } from './container-body.ts';
import type { EngineDialect } from './dialect.ts';

export const AGENT_TARGET = '/.sandbox';
/** Which labels with our prefix the spec has set, as a JSON array; an image may have brought others. */
export const LABEL_KEYS = `${LABEL_PREFIX}keys`;
export const WORKSPACE_TARGET = '/workspace';

/** What the mapping has to know of the engine and its host. */
export interface SpecContext {
  readonly dialect: EngineDialect;
  /** Volume that holds the agents. */
  readonly agentVolume: string;
  /** Our bridge, for network `full`. */
  readonly networkName: string;
  /** OCI runtime, such as `runsc`; the engine's default when absent. */
  readonly ociRuntime?: string | undefined;
  /** Whether read-only mounts can be made so with everything mounted below them. */
  readonly recursiveReadOnly: boolean;
  /** An engine refuses a limit above what its host has; it would limit nothing. Null: not known. */
  readonly processors: number | null;
  /** Whether the storage driver can limit a container's root file system. */
  readonly diskQuota: boolean;
  /** Hard limits that the engine cannot raise; null where it can, or where they are not known. */
  readonly hostLimits: HostLimits;
}

export interface HostLimits {
  readonly openFiles: number | null;
  readonly processes: number | null;
}

/** The request that makes the container of a sandbox. Throws for what the engine cannot do; leaves nothing out. */
export function containerBody(spec: SandboxSpec, context: SpecContext): ContainerBody {
  if (spec.root.type !== 'image') {
    throw refusal('UNSUPPORTED', spec, context, `a root file system of type ${spec.root.type} (only images)`);
  }
  checkSpec(spec, context);
  return {
    Image: spec.root.image,
    Entrypoint: [],
    Cmd: spec.argv,
    Env: Object.entries(spec.env).map(([key, value]) => `${key}=${value}`),
    User: `${spec.user.uid}:${spec.user.gid}`,
    WorkingDir: spec.workdir,
    Labels: sandboxLabels(spec),
    Tty: false,
    // The client's end closes the main process's stdin, also when the client dies.
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    // The agent takes every signal, so that TERM would only cost the engine's ten seconds.
    StopSignal: 'SIGKILL',
    Healthcheck: { Test: ['NONE'] },
    HostConfig: hostConfig(spec, spec.root.readOnly, context),
  };
}

/** An image's own labels become the container's, and ours decide what cleanup may remove: so one label says which of ours are the spec's. */
function sandboxLabels({ name, labels }: SandboxSpec): Record<string, string> {
  const all = { ...labels, [LABEL.managed]: 'true', [LABEL.name]: name };
  const own = Object.keys(all).filter((key) => key.startsWith(LABEL_PREFIX));
  return { ...all, [LABEL_KEYS]: JSON.stringify(own) };
}

function hostConfig(spec: SandboxSpec, readOnly: boolean, context: SpecContext): HostConfigBody {
  return {
    AutoRemove: spec.lifecycle === 'ephemeral',
    Privileged: false,
    Mounts: mounts(spec, context),
    Tmpfs: tmpfs(spec),
    ...limits(spec, context),
    ...(spec.security.capabilities && { CapDrop: ['ALL'], CapAdd: spec.security.capabilities }),
    SecurityOpt: securityOptions(spec),
    ReadonlyRootfs: readOnly,
    NetworkMode: spec.network === 'none' ? 'none' : context.networkName,
    // Every byte of the session would otherwise be written to the engine's disk.
    LogConfig: { Type: 'none', Config: {} },
    RestartPolicy: { Name: 'no' },
    Init: false,
    IpcMode: 'private',
    CgroupnsMode: 'private',
    PidMode: '',
    UTSMode: '',
    UsernsMode: '',
    ...(context.ociRuntime !== undefined && { Runtime: context.ociRuntime }),
  };
}

function limits(spec: SandboxSpec, context: SpecContext): Partial<HostConfigBody> {
  const { memoryBytes, cpus, pids, diskBytes } = spec.limits;
  return {
    // Equal, so that no swap comes on top.
    ...(memoryBytes !== null && { Memory: memoryBytes, MemorySwap: memoryBytes }),
    ...(cpus !== null && { NanoCpus: Math.round(clamp(cpus, context.processors) * 1e9) }),
    ...(pids !== null && { PidsLimit: pids }),
    ...(diskBytes !== null && { StorageOpt: { size: String(diskBytes) } }),
    OomKillDisable: false,
    Ulimits: ulimits(spec, context),
  };
}

function ulimits(spec: SandboxSpec, { dialect, hostLimits }: SpecContext): UlimitBody[] {
  const { openFiles, fileSizeBytes } = spec.limits;
  const list: UlimitBody[] = [ulimit('core', 0)];
  if (openFiles !== null) list.push(ulimit('nofile', clamp(openFiles, hostLimits.openFiles)));
  else if (dialect.explicitNproc && hostLimits.openFiles !== null) {
    list.push(ulimit('nofile', hostLimits.openFiles));
  }
  if (fileSizeBytes !== null) list.push(ulimit('fsize', fileSizeBytes));
  if (dialect.explicitNproc && hostLimits.processes !== null) {
    list.push(ulimit('nproc', hostLimits.processes));
  }
  return list;
}

function ulimit(name: string, value: number): UlimitBody {
  return { Name: name, Soft: value, Hard: value };
}

function clamp(value: number, most: number | null): number {
  return most === null ? value : Math.min(value, most);
}

/**
 * Whether the engine is to set no-new-privileges, which the agent gives to all that it runs. In a container of an ordinary user an exec as root begins with no
 * capability, and with no-new-privileges it gets none of those that it is to have.
 */
export function engineSetsNoNewPrivileges({ security, user }: SandboxSpec): boolean {
  const rootComesLater = user.allowRoot && user.uid !== 0 && (security.capabilities ?? []).length > 0;
  return security.noNewPrivileges && !rootComesLater;
}

function securityOptions(spec: SandboxSpec): string[] {
  const { security } = spec;
  return [
    ...(engineSetsNoNewPrivileges(spec) ? ['no-new-privileges'] : []),
    // Without an option the engine's own default filter applies.
    ...(security.seccomp ? [] : ['seccomp=unconfined']),
  ];
}

function tmpfs(spec: SandboxSpec): Record<string, string> {
  const entries: [string, string][] = [];
  for (const mount of spec.mounts) {
    if (mount.type !== 'tmpfs') continue;
    const { sizeBytes, mode, owner, exec } = mount;
    const flags = ['rw', 'nosuid', 'nodev', exec ? 'exec' : 'noexec'];
    const settings = [
      `size=${sizeBytes}`,
      `mode=${mode.toString(8)}`,
      `uid=${owner.uid}`,
      `gid=${owner.gid}`,
    ];
    entries.push([mount.target, [...flags, ...settings].join(',')]);
  }
  return Object.fromEntries(entries);
}

/** Always `Mounts`: with `Binds` a source that is gone becomes an empty directory in silence. */
function mounts(spec: SandboxSpec, context: SpecContext): MountBody[] {
  const list: MountBody[] = [
    {
      Type: 'volume',
      Source: context.agentVolume,
      Target: AGENT_TARGET,
      ReadOnly: true,
      // The labels count only where the mount is what makes the volume.
      VolumeOptions: { NoCopy: true, Labels: { [LABEL.managed]: 'true' } },
    },
  ];
  for (const mount of spec.mounts) {
    if (mount.type === 'bind') list.push(bindMount(mount, context));
    if (mount.type === 'volume') {
      list.push({
        Type: 'volume',
        Source: mount.volume,
        Target: mount.target,
        ReadOnly: mount.readOnly,
        VolumeOptions: {
          NoCopy: true,
          Labels: {
            ...(mount.labels ?? { ...spec.labels, [LABEL.name]: spec.name }),
            [LABEL.managed]: 'true',
          },
        },
      });
    }
  }
  return list;
}

function bindMount(mount: MountSpec & { type: 'bind' }, context: SpecContext): MountBody {
  // A read-only mount leaves what is mounted below its source writable, unless the engine can do better or it is not shown.
  const below = context.recursiveReadOnly ? { ReadOnlyForceRecursive: true } : { NonRecursive: true };
  return {
    Type: 'bind',
    Source: mount.source,
    Target: mount.target,
    ReadOnly: mount.readOnly,
    BindOptions: { Propagation: 'rprivate', ...(mount.readOnly && below) },
  };
}

function checkSpec(spec: SandboxSpec, context: SpecContext): void {
  validateSpec(spec);
  if (spec.limits.diskBytes !== null && !context.diskQuota) {
    throw refusal('UNSUPPORTED', spec, context, 'disk: the storage driver has no quota');
  }
  for (const mount of spec.mounts) {
    const paths = mount.type === 'bind' ? [mount.source, mount.target] : [mount.target];
    for (const path of paths) {
      const refused = context.dialect.refusedInPaths.find((character) => path.includes(character));
      if (refused === undefined) continue;
      const what = `a mount path with ${JSON.stringify(refused)} in it: ${JSON.stringify(path)}`;
      throw refusal('INVALID_ARGUMENT', spec, context, what);
    }
  }
}

/** What engines take as a container's name. */
export function isName(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name);
}

function refusal(
  code: 'INVALID_ARGUMENT' | 'UNSUPPORTED',
  spec: SandboxSpec,
  { dialect }: SpecContext,
  what: string,
): SandboxError {
  return new SandboxError(code, `${dialect.title} cannot make a sandbox with ${what}`, {
    operation: 'create',
    runtime: dialect.runtime,
    sandbox: spec.name,
  });
}
