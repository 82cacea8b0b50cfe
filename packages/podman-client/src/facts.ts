import { accessSync, constants, existsSync } from 'node:fs';
import {
  architectureOf,
  type EngineClient,
  type EngineFacts,
  firstNumbers,
  type HostLimits,
} from '@sandbox/docker-api';
import { type Caller, type PodmanHost, readPodmanLimits } from './host.ts';

/** The oldest version of Podman's own API that all of 4.x and 5.x take. */
export const LIBPOD = '/v4.0.0/libpod';

/** What Podman says of itself and its host: in the words that engines share, and what only it has. */
export interface PodmanFacts {
  readonly engine: EngineFacts;
  readonly host: PodmanHost;
  readonly limits: HostLimits;
  /** What it keeps of its store until the next boot; no other store has the same. */
  readonly runRoot: string | undefined;
}

/** The first of a list is whoever runs Podman. */
interface IdRange {
  host_id: number;
  size: number;
}

/** The part of `GET /libpod/info` that we use. */
export interface PodmanInfo {
  host?: {
    arch?: string;
    cgroupControllers?: string[] | null;
    cgroupManager?: string;
    cgroupVersion?: string;
    cpus?: number;
    distribution?: { distribution?: string; version?: string };
    hostname?: string;
    idMappings?: { uidmap?: IdRange[] | null; gidmap?: IdRange[] | null } | null;
    kernel?: string;
    ociRuntime?: { name?: string } | null;
    os?: string;
    pasta?: { executable?: string } | null;
    slirp4netns?: { executable?: string } | null;
    rootlessNetworkCmd?: string;
    security?: {
      rootless?: boolean;
      seccompEnabled?: boolean;
      selinuxEnabled?: boolean;
      capabilities?: string;
      seccompProfilePath?: string;
    };
  };
  store?: {
    graphDriverName?: string;
    graphRoot?: string;
    runRoot?: string;
    graphStatus?: Readonly<Record<string, string>> | null;
  };
  version?: { Version?: string };
}

/** What Podman does not tell of its host. */
export interface HostAbilities {
  /** Whether an ordinary user can make a network device. */
  readonly tun: boolean;
  readonly swapLimit: boolean;
}

/** One question for all of it: Podman asks the system's package manager before it answers, which can take a second. */
export async function readPodman(client: EngineClient, operation: string): Promise<PodmanFacts> {
  const info = await client.json<PodmanInfo>({ operation, method: 'GET', path: `${LIBPOD}/info` });
  const elsewhere = process.platform !== 'linux';
  const swapLimit =
    elsewhere ||
    info.host?.cgroupVersion !== 'v1' ||
    existsSync('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes');
  const facts = podmanFacts(info, { tun: elsewhere || mayUse('/dev/net/tun'), swapLimit });
  // It has just answered: its process is there to be looked at.
  return { ...facts, limits: readPodmanLimits(facts.host.rootless) };
}

function mayUse(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Pure. */
export function podmanFacts(info: PodmanInfo, abilities: HostAbilities): Omit<PodmanFacts, 'limits'> {
  return {
    engine: engineFacts(info, abilities),
    host: podmanHost(info, abilities),
    runRoot: info.store?.runRoot,
  };
}

function engineFacts({ host = {}, store = {}, version = {} }: PodmanInfo, { swapLimit }: HostAbilities) {
  const { security = {}, distribution = {}, cgroupControllers: controllers } = host;
  return {
    version: version.Version ?? 'unknown',
    // Of the Docker-compatible one, in all of 4.x and 5.x.
    apiVersion: [1, 41],
    architecture: architectureOf(host.arch),
    osType: host.os ?? 'linux',
    operatingSystem: `${distribution.distribution ?? ''} ${distribution.version ?? ''}`.trim(),
    hostName: host.hostname ?? '',
    rootDir: store.graphRoot ?? '',
    cgroupVersion: host.cgroupVersion === 'v2' ? '2' : '1',
    cgroupDriver: host.cgroupManager ?? '',
    memoryLimit: controllers?.includes('memory') ?? false,
    swapLimit,
    cpuQuota: controllers?.includes('cpu') ?? false,
    pidsLimit: controllers?.includes('pids') ?? false,
    seccomp: security.seccompEnabled === true,
    rootless: security.rootless === true,
    usernsRemap: false,
    storageDriver: store.graphDriverName ?? '',
    backingFilesystem: store.graphStatus?.['Backing Filesystem'],
    processors: host.cpus ?? null,
    kernel: firstNumbers(host.kernel),
    ociRuntimes: [],
    defaultOciRuntime: host.ociRuntime?.name ?? '',
    warnings: [],
  } satisfies EngineFacts;
}

function podmanHost({ host = {} }: PodmanInfo, { tun }: HostAbilities): PodmanHost {
  const { security = {}, idMappings, ociRuntime } = host;
  return {
    rootless: security.rootless === true,
    selinux: security.selinuxEnabled === true,
    withoutCgroups: security.rootless === true && host.cgroupVersion === 'v1',
    controllers: host.cgroupControllers ?? [],
    ociRuntime: ociRuntime?.name ?? '',
    userNetwork: tun ? userNetwork(host) : undefined,
    defaultCapabilities: (security.capabilities ?? '').split(',').filter(Boolean),
    seccompProfile: security.seccompProfilePath ?? '',
    caller: security.rootless ? callerOf(idMappings?.uidmap ?? [], idMappings?.gidmap ?? []) : undefined,
  };
}

function callerOf(uids: readonly IdRange[], gids: readonly IdRange[]): Caller {
  const more = (ranges: readonly IdRange[]) => ranges.slice(1).reduce((sum, { size }) => sum + size, 0);
  return {
    uid: uids[0]?.host_id ?? 0,
    gid: gids[0]?.host_id ?? 0,
    moreUids: more(uids),
    moreGids: more(gids),
  };
}

function userNetwork({ pasta, slirp4netns, rootlessNetworkCmd }: NonNullable<PodmanInfo['host']>) {
  const has = { pasta: Boolean(pasta?.executable), slirp4netns: Boolean(slirp4netns?.executable) };
  if (rootlessNetworkCmd === 'pasta' && has.pasta) return 'pasta';
  if (has.slirp4netns) return 'slirp4netns';
  return has.pasta ? 'pasta' : undefined;
}
