import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { type HostLimits, parseHostLimits } from '@sandbox/docker-api';

export interface Caller {
  readonly uid: number;
  readonly gid: number;
  readonly moreUids: number;
  readonly moreGids: number;
}

/** What only Podman's own API tells of it and its host. */
export interface PodmanHost {
  readonly rootless: boolean;
  readonly selinux: boolean;
  /** Rootless with cgroup v1: no limits and no counters. */
  readonly withoutCgroups: boolean;
  /** Controllers that it can use; on cgroup v2 those that are delegated to it. */
  readonly controllers: readonly string[];
  /** Its OCI runtime, for all containers: `crun`. */
  readonly ociRuntime: string;
  /** How a rootless container reaches the network; undefined where it cannot. */
  readonly userNetwork: 'pasta' | 'slirp4netns' | undefined;
  /** Names with `CAP_` that a container has when nobody says otherwise. */
  readonly defaultCapabilities: readonly string[];
  /** Path on its host of its default filter. */
  readonly seccompProfile: string;
  /** Whom a rootless Podman runs as, and how many ids of others that user has for its guests; undefined of a rootful one, whose guests have the host's. */
  readonly caller: Caller | undefined;
}

/** What somebody types whose rootless Podman has no ids of others; `podman system migrate` then takes them. */
export const ADD_SUBORDINATE_IDS =
  'sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER';

/** A host with cgroup v1 controllers and a v2 hierarchy beside them, which crun refuses. */
export function hasHybridCgroup(): boolean {
  return existsSync('/sys/fs/cgroup/unified') && !existsSync('/sys/fs/cgroup/cgroup.controllers');
}

/** The OCI runtime that a service of our own is started with; undefined: Podman's own choice will do. Its API cannot name one. Pure. */
export function runtimeToStartWith(
  wanted: string | undefined,
  { hybrid, runc }: { hybrid: boolean; runc: boolean },
): string | undefined {
  return wanted ?? (hybrid && runc ? 'runc' : undefined);
}

/** Why sandboxes cannot run on this Podman, with its ids and the OCI runtime that it has. Pure. */
export function hostProblem(
  { ociRuntime, caller }: Pick<PodmanHost, 'ociRuntime' | 'caller'>,
  wanted: string | undefined,
  hybrid: boolean,
): { message: string; remedy: string } | undefined {
  if (caller && (caller.moreUids === 0 || caller.moreGids === 0)) {
    return {
      message: 'rootless Podman has no subordinate ids for this user, so that a guest could only be root',
      remedy: `install uidmap (\`sudo apt install uidmap\`), then \`${ADD_SUBORDINATE_IDS}\` and \`podman system migrate\``,
    };
  }
  if (wanted !== undefined && basename(wanted) !== basename(ociRuntime)) {
    return {
      message: `this Podman runs containers with ${ociRuntime}, not with ${wanted}`,
      remedy: `set runtime = "${wanted}" under [engine] in containers.conf and restart it, or take a service of our own (service: 'private')`,
    };
  }
  if (!hybrid || ociRuntime !== 'crun') return undefined;
  return {
    message: 'crun refuses the hybrid cgroups of this host',
    remedy:
      'install runc (`sudo apt install runc`), which a service of our own then takes; for a socket also set runtime = "runc" under [engine] in containers.conf',
  };
}

/** Podman also looks where an ordinary user's PATH does not reach. */
export function findProgram(name: string): string | undefined {
  const path = `${process.env.PATH ?? ''}${delimiter}/usr/local/sbin${delimiter}/usr/sbin${delimiter}/sbin${delimiter}/usr/bin`;
  const places = name.includes('/')
    ? [name]
    : path.split(delimiter).map((directory) => join(directory, name));
  return places.find((place) => existsSync(place) && statSync(place).isFile());
}

/**
 * What the engine cannot raise: that of its own process, which lowers its limits as it starts. Looked for among the processes here, since the socket does not tell
 * its owner; without one, this program's own. In a user namespace all of it holds, whatever capabilities are shown.
 */
export function readPodmanLimits(rootless: boolean): HostLimits {
  const services = process.platform === 'linux' ? servicePids() : [];
  const limits = (services.length > 0 ? services : ['self']).flatMap((pid) => {
    try {
      const status = rootless ? 'CapEff:\t0' : readFileSync(`/proc/${pid}/status`, 'utf8');
      return [parseHostLimits(status, readFileSync(`/proc/${pid}/limits`, 'utf8'))];
    } catch {
      return [];
    }
  });
  const least = (values: readonly (number | null)[]) => {
    const known = values.filter((value) => value !== null);
    return known.length === 0 ? null : Math.min(...known);
  };
  return {
    openFiles: least(limits.map(({ openFiles }) => openFiles)),
    processes: least(limits.map(({ processes }) => processes)),
  };
}

function servicePids(): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      return /(^|\/)podman$/.test(words[0] ?? '') && words.includes('service');
    } catch {
      return false;
    }
  });
}
