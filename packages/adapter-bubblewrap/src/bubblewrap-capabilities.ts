import type { Capabilities, Capability, Control, Facet } from '@sandbox/core';

const enforced = (how: string): Capability => ({ support: 'enforced', how });
const limited = (how: string): Capability => ({ support: 'limited', how });
const unsupported = (how: string): Capability => ({ support: 'unsupported', how });

const controls: Readonly<Record<Control, Capability>> = {
  memory: enforced('cgroup memory controller, swap included'),
  cpus: enforced('cgroup CPU quota'),
  pids: enforced('cgroup pids controller'),
  'open-files': enforced('rlimit nofile'),
  'file-size': enforced('rlimit fsize'),
  disk: unsupported('bubblewrap has no quotas'),
  'tmpfs-size': limited('it belongs to the user of the session; always exec'),
  'read-only-root': enforced('read-only mounts'),
  'network-none': enforced('network namespace with a loopback device only'),
  'network-full': unsupported('bubblewrap has no network of its own'),
  'workspace-access': enforced('bind mount'),
  user: enforced('user namespace with a range of ids of its own'),
  capabilities: enforced('bounding set'),
  'no-new-privileges': enforced('no_new_privs'),
  seccomp: enforced('a list of denied system calls'),
  namespaces: enforced('user, PID, network, UTS, IPC, mount and cgroup namespaces'),
};

const facets: Readonly<Record<Facet, Capability>> = {
  'long-lived': enforced('a root file system that is kept'),
  'shared-processes': unsupported('each session is a jail of its own: sessions share files, not processes'),
  images: unsupported('the root file system is the host’s /usr or an unpacked directory'),
  build: unsupported('there are no images'),
  volumes: enforced('directories of the host'),
  stats: enforced('cgroup counters'),
  'exec-as-user': enforced('a jail with another user'),
  detached: unsupported('a jail ends with the program that started it'),
};

/** The best that bubblewrap can do anywhere: as root. */
export const BUBBLEWRAP_CAPABILITIES: Capabilities = { boundary: 'container', controls, facets };
