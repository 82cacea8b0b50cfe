import type { Capabilities, Capability, Control, IdMapping } from '@sandbox/core';
import { type EngineFacts, hasDiskQuota } from '@sandbox/docker-api';
import type { PodmanHost } from '@sandbox/podman-client';

const enforced = (how: string): Capability => ({ support: 'enforced', how });
const limited = (how: string): Capability => ({ support: 'limited', how });
const unsupported = (how: string): Capability => ({ support: 'unsupported', how });

/** The best that Podman can do anywhere. */
export const PODMAN_CAPABILITIES: Capabilities = {
  boundary: 'container',
  controls: {
    memory: enforced('cgroup memory controller, swap included'),
    cpus: enforced('cgroup CPU quota'),
    pids: enforced('cgroup pids controller'),
    'open-files': enforced('rlimit nofile'),
    'file-size': enforced('rlimit fsize'),
    disk: limited('only where the storage driver has quotas (overlay on XFS with pquota, btrfs, zfs)'),
    'tmpfs-size': enforced('size of the tmpfs mount'),
    'read-only-root': enforced('read-only mount of the root file system'),
    'network-none': enforced('network namespace with a loopback device only'),
    'network-full': limited('a network of its own for each sandbox; the host can be reached'),
    'workspace-access': enforced('bind mount, nosuid and nodev'),
    user: enforced('uid and gid of every process'),
    capabilities: enforced('bounding set'),
    'no-new-privileges': enforced('no_new_privs'),
    seccomp: enforced("Podman's default filter, less what makes namespaces and mounts"),
    namespaces: enforced('PID, network, UTS, IPC, mount and cgroup namespaces; rootless also user'),
  },
  facets: {
    'long-lived': enforced('a stopped container keeps its files'),
    'shared-processes': enforced('all sessions are in one container'),
    images: enforced('images of Podman'),
    build: enforced('Buildah, through Podman'),
    volumes: enforced('named volumes'),
    stats: enforced('cgroup counters through Podman'),
    'exec-as-user': enforced('exec with another uid'),
    detached: enforced('processes of the container'),
  },
};

/** What it can do on the host that these facts are of. Pure. */
export function podmanCapabilities(
  facts: EngineFacts,
  host: PodmanHost,
  seccompProfile: string | undefined,
): Capabilities {
  const controls: Record<Control, Capability> = { ...PODMAN_CAPABILITIES.controls };
  const facets = { ...PODMAN_CAPABILITIES.facets };
  const version = `cgroup v${facts.cgroupVersion}`;
  const cgroupControl = (control: Control, controller: string, how: string) => {
    if (host.withoutCgroups) controls[control] = unsupported('not on rootless Podman with cgroup v1');
    else if (!host.controllers.includes(controller)) {
      const where = host.rootless ? 'delegated to this user' : 'of this host';
      controls[control] = unsupported(`${controller} is not among the ${version} controllers ${where}`);
    } else controls[control] = enforced(`${version} ${how}`);
  };
  cgroupControl('memory', 'memory', 'memory controller, swap included');
  cgroupControl('cpus', 'cpu', 'CPU quota');
  cgroupControl('pids', 'pids', 'pids controller');
  if (controls.memory.support === 'enforced' && !facts.swapLimit) {
    controls.memory = limited(`${version} memory controller; swap is not limited on this host`);
  }
  if (host.withoutCgroups) facets.stats = unsupported('rootless Podman has no counters with cgroup v1');
  controls.disk =
    hasDiskQuota(facts) && !host.rootless
      ? limited(`quota of ${facts.storageDriver}, where its file system has them switched on`)
      : unsupported(`the storage driver ${facts.storageDriver} has no quotas here`);
  if (seccompProfile === undefined) {
    controls.seccomp = limited("Podman's default filter, which lets guests make user namespaces");
  }
  if (!facts.seccomp) controls.seccomp = unsupported('Podman runs without a seccomp filter');
  if (host.rootless) controls['network-full'] = userNetwork(host);
  const vm = /kata|krun/.test(host.ociRuntime);
  return { controls, facets, boundary: vm ? 'vm' : 'container' };
}

function userNetwork({ userNetwork: means }: PodmanHost): Capability {
  return means
    ? limited(`${means} for each sandbox; the host's networks can be reached`)
    : unsupported('rootless Podman needs pasta or slirp4netns, and the right to use /dev/net/tun');
}

/** Rootless, whoever runs Podman has the same id inside, whatever else is mapped. Pure. */
export function podmanIdMapping({ caller }: PodmanHost): IdMapping {
  if (!caller) return { type: 'identity' };
  const { uid, gid } = caller;
  return { type: 'caller', hostUid: uid, hostGid: gid, guestUid: uid, guestGid: gid };
}
