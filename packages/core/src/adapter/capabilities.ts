/**
 * Everything that a policy can ask a runtime to enforce. Each has a row in `sandbox doctor`, in every README's table and
 * in every result's enforcement report.
 */
export const CONTROLS = [
  /** Bytes of memory, swap included, for all processes of the sandbox together. */
  'memory',
  /** Processor time, in cores; fractions allowed. */
  'cpus',
  /** Processes and threads at one time. */
  'pids',
  /** Open file descriptors of one process. */
  'open-files',
  /** Bytes of one file that a process writes. */
  'file-size',
  /** Bytes of the writable root file system. */
  'disk',
  /** Bytes of `/tmp` and of HOME in a sandbox with a read-only root. */
  'tmpfs-size',
  /** Nothing in the root file system can be written. */
  'read-only-root',
  /** `none`: no address outside of the sandbox can be reached, also not the host. */
  'network-none',
  /** `full`: the outside can be reached; sandboxes cannot reach each other. */
  'network-full',
  /** The host directory at `/workspace`: `rw`, `ro`, or not there at all. */
  'workspace-access',
  /** Commands run as the uid and gid that were asked for. */
  'user',
  /** The bounding set of capabilities is empty, or just what was asked for. */
  'capabilities',
  'no-new-privileges',
  'seccomp',
  /** Processes, network, hostname, IPC and mounts of the host are not visible. */
  'namespaces',
] as const;

export type Control = (typeof CONTROLS)[number];

/** Parts of the contract that a runtime may do without. */
export const FACETS = [
  /** A sandbox that lives on when its last session ends, and can be stopped and started again with its files. */
  'long-lived',
  /** A stopped sandbox's processes are gone but a running one's are shared by all sessions. */
  'shared-processes',
  'images',
  'build',
  'volumes',
  /** `stats` gives memory and CPU of the whole sandbox. */
  'stats',
  /** A session may be opened as another user than the sandbox's own. */
  'exec-as-user',
  /** Commands that outlive the host process. */
  'detached',
] as const;

export type Facet = (typeof FACETS)[number];

/**
 * `enforced`: seen from inside the guest, it holds. `limited`: it holds with the limit that `how` puts in words.
 * `unsupported`: it cannot be had; asking for it is refused.
 */
export type Support = 'enforced' | 'limited' | 'unsupported';

export interface Capability {
  readonly support: Support;
  /** By what means, or what is missing, in a few words: `cgroup v1 memory controller`, `not on rootless with cgroup v1`. */
  readonly how: string;
}

/**
 * Plain data, cloneable, never changed after the adapter was made. `adapter.capabilities` is the best that this runtime
 * can do anywhere; `probe().capabilities` what it can do on this host. They are the only way for the conformance suite to
 * skip a case.
 */
export interface Capabilities {
  readonly controls: Readonly<Record<Control, Capability>>;
  readonly facets: Readonly<Record<Facet, Capability>>;
  /** What separates guest and host kernel: a container shares it, a `vm` has its own. Rules the order of `auto`. */
  readonly boundary: 'process' | 'container' | 'vm';
}
