import { hostname } from 'node:os';
import type { Capabilities, Capability, Control, IdMapping } from '@sandbox/core';
import { type EngineEndpoint, type EngineFacts, hasDiskQuota } from '@sandbox/docker-api';

const enforced = (how: string): Capability => ({ support: 'enforced', how });
const limited = (how: string): Capability => ({ support: 'limited', how });
const unsupported = (how: string): Capability => ({ support: 'unsupported', how });

/** The best that Docker can do anywhere. */
export const DOCKER_CAPABILITIES: Capabilities = {
  boundary: 'container',
  controls: {
    memory: enforced('cgroup memory controller, swap included'),
    cpus: enforced('cgroup CPU quota'),
    pids: enforced('cgroup pids controller'),
    'open-files': enforced('rlimit nofile'),
    'file-size': enforced('rlimit fsize'),
    disk: limited('only where the storage driver has quotas (overlay2 on XFS with pquota, btrfs, zfs)'),
    'tmpfs-size': enforced('size of the tmpfs mount'),
    'read-only-root': enforced('read-only mount of the root file system'),
    'network-none': enforced('network namespace with a loopback device only'),
    'network-full': limited('a bridge of our own with inter-container traffic off; the host can be reached'),
    'workspace-access': enforced('bind mount'),
    user: enforced('uid and gid of every process'),
    capabilities: enforced('bounding set'),
    'no-new-privileges': enforced('no_new_privs'),
    seccomp: enforced("the engine's default filter"),
    namespaces: enforced('PID, network, UTS, IPC, mount and cgroup namespaces'),
  },
  facets: {
    'long-lived': enforced('a stopped container keeps its files'),
    'shared-processes': enforced('all sessions are in one container'),
    images: enforced('images of the engine'),
    build: enforced('classic builder of the engine'),
    volumes: enforced('named volumes'),
    stats: enforced('cgroup counters through the engine'),
    'exec-as-user': enforced('exec with another uid'),
    detached: enforced('processes of the container'),
  },
};

/** What it can do on the host that these facts are of. Pure. */
export function dockerCapabilities(facts: EngineFacts, ociRuntime: string | undefined): Capabilities {
  const cgroup = `cgroup v${facts.cgroupVersion}`;
  const noCgroup = facts.rootless && (facts.cgroupDriver === 'none' || facts.cgroupVersion === '1');
  const controls: Record<Control, Capability> = { ...DOCKER_CAPABILITIES.controls };
  const cgroupControl = (control: Control, available: boolean, how: string) => {
    if (noCgroup) controls[control] = unsupported('not on rootless Docker without delegated cgroup v2');
    else if (!available)
      controls[control] = unsupported(`the host's kernel or ${cgroup} has no ${control} controller`);
    else controls[control] = enforced(how);
  };
  cgroupControl('memory', facts.memoryLimit, `${cgroup} memory controller, swap included`);
  cgroupControl('cpus', facts.cpuQuota, `${cgroup} CPU quota`);
  cgroupControl('pids', facts.pidsLimit, `${cgroup} pids controller`);
  if (controls.memory.support === 'enforced' && !facts.swapLimit) {
    controls.memory = limited(`${cgroup} memory controller; swap is not limited on this host`);
  }
  controls.disk = hasDiskQuota(facts)
    ? limited(`quota of ${facts.storageDriver}, where its file system has them switched on`)
    : unsupported(`the storage driver ${facts.storageDriver} has no quotas`);
  if (!facts.seccomp) controls.seccomp = unsupported('the engine runs without a seccomp filter');
  const vm = /kata/.test(ociRuntime ?? facts.defaultOciRuntime);
  return { ...DOCKER_CAPABILITIES, controls, boundary: vm ? 'vm' : 'container' };
}

/** How guest ids map to the host's. Rootless: uid 0 is who runs the engine. Remapped: uid 0 is a subordinate id, which the engine shows in the name of its directory. */
export function dockerIdMapping(
  facts: EngineFacts,
  caller: { uid: number; gid: number } | undefined,
): IdMapping {
  const guest = { guestUid: 0, guestGid: 0 };
  if (facts.rootless && caller) return { type: 'caller', hostUid: caller.uid, hostGid: caller.gid, ...guest };
  const remapped = facts.usernsRemap ? /\/(\d+)\.(\d+)$/.exec(facts.rootDir) : null;
  if (remapped)
    return { type: 'caller', hostUid: Number(remapped[1]), hostGid: Number(remapped[2]), ...guest };
  return { type: 'identity' };
}

/**
 * Whether the engine sees this machine's files. A socket may be forwarded from elsewhere, or be mounted into the container that we run in: then the
 * engine's host has another name than ours. An engine in a VM of Docker Desktop and its like shares them.
 */
export function sharesHostFiles(endpoint: EngineEndpoint, facts: EngineFacts, own = hostname()): boolean {
  const local = endpoint.type === 'unix' || /^(localhost|127\.|::1$)/.test(endpoint.host);
  if (!local) return false;
  return process.platform !== 'linux' || /desktop/i.test(facts.operatingSystem) || facts.hostName === own;
}
