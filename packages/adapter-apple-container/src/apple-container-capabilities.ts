import type { Capabilities, Capability } from '@sandbox/core';

const enforced = (how: string): Capability => ({ support: 'enforced', how });
const limited = (how: string): Capability => ({ support: 'limited', how });
const unsupported = (how: string): Capability => ({ support: 'unsupported', how });

/** What `container` 1.2.1 and later can do; it is the same on every Mac that it runs on. */
export const APPLE_CONTAINER_CAPABILITIES: Capabilities = {
  boundary: 'vm',
  controls: {
    memory: enforced('memory of the virtual machine and cgroup in it; at least 200 MiB'),
    cpus: limited('whole processors only'),
    pids: unsupported('the command line has no limit of processes; a fork bomb stays in its virtual machine'),
    'open-files': enforced('rlimit nofile'),
    'file-size': enforced('rlimit fsize'),
    disk: unsupported('every root file system is a sparse disk of 512 GiB'),
    'tmpfs-size': limited(
      'it belongs to root, and all may write one that was meant for another owner; always exec, suid and dev',
    ),
    'read-only-root': enforced('read-only mount of the root file system'),
    'network-none': enforced('a virtual machine without a network device'),
    'network-full': limited('NAT of the host; the host, its networks and other sandboxes can be reached'),
    'workspace-access': enforced('shared directory; read-only on the host’s side too'),
    user: enforced('uid and gid of every process'),
    capabilities: enforced('bounding set'),
    'no-new-privileges': unsupported('the command line has no option for it'),
    seccomp: unsupported('the guest’s kernel is its own; the command line has no option for a filter'),
    namespaces: enforced('a virtual machine of its own'),
  },
  facets: {
    'long-lived': enforced('a stopped container keeps its disk'),
    'shared-processes': enforced('all sessions are in one virtual machine'),
    images: enforced('images of the container service'),
    build: limited('needs Rosetta for its builder; a Dockerfile of less than 16 KiB'),
    volumes: limited('disks of their own, for one running sandbox at a time'),
    stats: enforced('cgroup counters of the guest, two seconds old'),
    'exec-as-user': enforced('exec with another uid'),
    detached: enforced('processes of the virtual machine'),
  },
};
