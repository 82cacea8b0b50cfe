import {
  type Capabilities,
  type MountSpec,
  refuseUnsupported,
  SandboxError,
  type SandboxSpec,
} from '@sandbox/core';
import { type ContainerBody, ENGINE_NETWORK, type HostConfigBody, type MountBody } from '@sandbox/docker-api';
import type { PodmanHost } from '@sandbox/podman-client';

export interface PodmanSpecContext {
  readonly host: PodmanHost;
  /** Path of the filter in place of Podman's own; undefined: that. */
  readonly seccompProfile: string | undefined;
}

interface PodmanMount {
  readonly destination: string;
  readonly type: 'bind' | 'tmpfs';
  readonly source: string;
  readonly options: readonly string[];
}

/** What Docker's API calls for, as a request to Podman's own `containers/create`. Pure. */
export function podmanContainer(name: string, body: ContainerBody, context: PodmanSpecContext): object {
  const { HostConfig: config } = body;
  const { host } = context;
  return {
    name,
    image: body.Image,
    entrypoint: body.Entrypoint,
    command: body.Cmd,
    env: Object.fromEntries((body.Env ?? []).map(splitPair)),
    // What Podman would add by itself, of its own or of the host's.
    unsetenv: ['TERM', 'container'].filter((key) => !body.Env?.some((pair) => pair.startsWith(`${key}=`))),
    env_host: false,
    httpproxy: false,
    manage_password: false,
    base_hosts_file: 'none',
    image_volume_mode: 'anonymous',
    init: false,
    systemd: 'false',
    ...(body.User !== undefined && { user: body.User }),
    ...(body.WorkingDir !== undefined && { work_dir: body.WorkingDir, create_working_dir: true }),
    labels: body.Labels,
    terminal: false,
    stdin: body.OpenStdin ?? false,
    remove: config.AutoRemove ?? false,
    // SIGKILL.
    stop_signal: 9,
    healthconfig: body.Healthcheck,
    log_configuration: { driver: 'none' },
    restart_policy: 'no',
    privileged: false,
    ...storage(body, host),
    ...limits(config),
    ...security(config, context),
    ...namespaces(config, host),
  };
}

function storage({ User: user = '', HostConfig: config }: ContainerBody, host: PodmanHost): object {
  const mounts = config.Mounts ?? [];
  return {
    mounts: [
      ...mounts.filter(({ Type }) => Type === 'bind').map((mount) => bind(mount, host)),
      ...Object.entries(config.Tmpfs ?? {}).map(([target, options]) => tmpfs(target, options, user)),
    ],
    volumes: mounts
      .filter(({ Type }) => Type === 'volume')
      .map(({ Source, Target, ReadOnly }) => ({
        Name: Source,
        Dest: Target,
        Options: [ReadOnly ? 'ro' : 'rw', 'nocopy', 'nosuid', 'nodev'],
      })),
    read_only_filesystem: config.ReadonlyRootfs ?? false,
    read_write_tmpfs: false,
    ...(config.StorageOpt && { storage_opts: config.StorageOpt }),
  };
}

function bind({ Source, Target, ReadOnly, BindOptions }: MountBody, { selinux }: PodmanHost): PodmanMount {
  const options = [
    ReadOnly ? 'ro' : 'rw',
    BindOptions?.NonRecursive ? 'bind' : 'rbind',
    BindOptions?.Propagation ?? 'rprivate',
    'nosuid',
    'nodev',
    // A label that all containers may use: a workspace may be open in more than one.
    ...(selinux ? ['z'] : []),
  ];
  return { destination: Target, type: 'bind', source: Source, options };
}

/** Podman gives a tmpfs to root, or with `U` to the container's user. Of others it takes those where everybody may write; `checkPodmanSpec` has refused the rest. */
function tmpfs(target: string, text: string, user: string): PodmanMount {
  const all = text.split(',');
  const option = (name: string) => all.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
  const kept = all.filter((word) => !/^[ug]id=/.test(word));
  const owned = `${option('uid')}:${option('gid')}` === user ? ['U'] : [];
  return {
    destination: target,
    type: 'tmpfs',
    source: 'tmpfs',
    options: [...kept, ...owned, 'notmpcopyup'],
  };
}

function limits({ Memory, MemorySwap, NanoCpus, PidsLimit, Ulimits = [] }: HostConfigBody): object {
  const period = 100_000;
  return {
    resource_limits: {
      ...(Memory !== undefined && { memory: { limit: Memory, swap: MemorySwap } }),
      ...(NanoCpus !== undefined && { cpu: { period, quota: Math.round((NanoCpus * period) / 1e9) } }),
      ...(PidsLimit !== undefined && { pids: { limit: PidsLimit } }),
    },
    // Podman puts RLIMIT_ before the type.
    r_limits: Ulimits.map(({ Name, Soft, Hard }) => ({ type: Name, soft: Soft, hard: Hard })),
  };
}

function security(
  { CapDrop, CapAdd = [], SecurityOpt = [] }: HostConfigBody,
  { host, seccompProfile }: PodmanSpecContext,
): object {
  return {
    ...(CapDrop && capabilities(CapAdd, host)),
    no_new_privileges: SecurityOpt.includes('no-new-privileges'),
    ...seccomp(SecurityOpt, seccompProfile),
  };
}

function seccomp(options: readonly string[], profile: string | undefined): object {
  if (options.includes('seccomp=unconfined')) return { seccomp_profile_path: 'unconfined' };
  return profile === undefined ? {} : { seccomp_profile_path: profile };
}

/** What Podman is told to add, an ordinary user's processes hold; what is not dropped, only root's can get. So all others are dropped, by name. */
function capabilities(wanted: readonly string[], { defaultCapabilities }: PodmanHost): object {
  if (wanted.length === 0) return { cap_drop: ['all'] };
  const kept = new Set(wanted.map((name) => `CAP_${name}`));
  const present = new Set([...defaultCapabilities, 'CAP_AUDIT_WRITE', 'CAP_MKNOD', 'CAP_NET_RAW']);
  return {
    cap_drop: [...present].filter((name) => !kept.has(name)),
    cap_add: [...kept].filter((name) => !defaultCapabilities.includes(name)),
  };
}

function namespaces({ NetworkMode = 'none' }: HostConfigBody, host: PodmanHost): object {
  const own = { nsmode: 'private' };
  return {
    pidns: own,
    ipcns: own,
    utsns: own,
    cgroupns: own,
    ...userNamespace(host),
    ...network(NetworkMode, host),
  };
}

/** Whoever runs Podman has the same id inside. As with `keep-id`, which however gives that user's group to every guest. With root rights all ids are the host's. */
function userNamespace({ caller }: PodmanHost): object {
  if (!caller) return { userns: { nsmode: 'host' } };
  const { uid, gid, moreUids, moreGids } = caller;
  return {
    userns: { nsmode: 'private' },
    idmappings: {
      HostUIDMapping: false,
      HostGIDMapping: false,
      UIDMap: idMap(uid, moreUids),
      GIDMap: idMap(gid, moreGids),
    },
  };
}

/** In the namespace that Podman is in, 0 is its user, and the others follow. */
function idMap(own: number, more: number): object[] {
  const range = (container_id: number, host_id: number, size: number) => ({ container_id, host_id, size });
  return [
    range(0, 1, Math.min(own, more)),
    range(own, 0, 1),
    range(own + 1, own + 1, Math.max(more - own, 0)),
  ].filter(({ size }) => size > 0);
}

function network(mode: string, { userNetwork }: PodmanHost): object {
  if (mode === 'none') return { netns: { nsmode: 'none' } };
  if (mode === ENGINE_NETWORK) return { netns: { nsmode: userNetwork ?? 'none' } };
  return { netns: { nsmode: 'bridge' }, networks: { [mode]: {} } };
}

function splitPair(pair: string): [string, string] {
  const cut = pair.indexOf('=');
  return [pair.slice(0, cut), pair.slice(cut + 1)];
}

/** Throws `UNSUPPORTED` for what Podman would take and not do on this host. */
export function checkPodmanSpec(spec: SandboxSpec, host: PodmanHost, capabilities: Capabilities): void {
  refuseUnsupported(spec, capabilities);
  const refuse = (what: string) => {
    throw new SandboxError('UNSUPPORTED', `Podman cannot make a sandbox with ${what}`, {
      operation: 'create',
      runtime: 'podman',
      sandbox: spec.name,
    });
  };
  const { user, security: asked, mounts } = spec;
  for (const mount of mounts) {
    const problem = ownerProblem(mount, user);
    if (problem !== undefined) refuse(problem);
  }
  const base = new Set(host.defaultCapabilities);
  const more = (asked.capabilities ?? []).filter((name) => !base.has(`CAP_${name}`));
  if (more.length > 0 && user.uid !== 0) {
    refuse(`capabilities beyond its own (${more.join(', ')}) that only root in it gets`);
  }
}

/** Podman gives a tmpfs to root or to the sandbox's user, and a volume to the latter with its first start. */
function ownerProblem(mount: MountSpec, user: SandboxSpec['user']): string | undefined {
  if (mount.type === 'bind') return undefined;
  const { uid, gid } = mount.owner;
  if (uid === user.uid && gid === user.gid) return undefined;
  const owner = `${uid}:${gid} at ${mount.target}`;
  if (mount.type === 'volume') return `a volume of ${owner}: it belongs to the sandbox's user`;
  const isRoots = uid === 0 && gid === 0;
  if (isRoots || (mount.mode & 0o7) === 0o7) return undefined;
  return `a tmpfs (tmpfs-size) of ${owner}: it belongs to root or to the sandbox's user`;
}
