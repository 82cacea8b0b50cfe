import type { Capabilities, Capability, Control, Facet } from '@sandbox/core';

const none = (how: string): Capability => ({ support: 'unsupported', how });

const controls: Readonly<Record<Control, Capability>> = {
  memory: none('a plain process has no limit of memory for a whole tree'),
  cpus: none('a plain process has no limit of processors'),
  pids: none('RLIMIT_NPROC counts per user, not per sandbox'),
  'open-files': { support: 'enforced', how: 'RLIMIT_NOFILE, set before the first process' },
  'file-size': {
    support: 'enforced',
    how: 'RLIMIT_FSIZE, set before the first process, in units of 512 bytes',
  },
  disk: none("a plain directory on the host's file system"),
  'tmpfs-size': none('nothing is mounted'),
  'read-only-root': none("the root file system is the host's"),
  'network-none': none("the network is the host's"),
  'network-full': { support: 'limited', how: "the host's own network: reaches the host and other sandboxes" },
  'workspace-access': none('nothing is mounted'),
  user: { support: 'enforced', how: 'setuid and setgid before the first process' },
  capabilities: none('not dropped'),
  'no-new-privileges': none('not set'),
  seccomp: none('no filter'),
  namespaces: none("processes, network and mounts are the host's"),
};

const facets: Readonly<Record<Facet, Capability>> = {
  'long-lived': { support: 'enforced', how: 'a directory and a process without a parent' },
  'shared-processes': { support: 'enforced', how: "the host's processes" },
  images: none('the file system is the host’s'),
  build: none('there are no images'),
  volumes: { support: 'limited', how: 'a directory, reached through a symbolic link; never read-only' },
  stats: { support: 'limited', how: 'sums over the process tree' },
  'exec-as-user': { support: 'enforced', how: 'setuid and setgid before the first process' },
  detached: { support: 'limited', how: 'kept by a process that others of its user can end' },
};

/** At its best, which is as root. */
export const referenceCapabilities: Capabilities = { controls, facets, boundary: 'process' };

const ownUser: Capability = { support: 'limited', how: 'only the user that runs the host process' };

export function capabilitiesHere(isRoot: boolean): Capabilities {
  if (isRoot) return referenceCapabilities;
  return {
    controls: { ...controls, user: ownUser },
    facets: { ...facets, 'exec-as-user': none('needs root on the host') },
    boundary: 'process',
  };
}

export function claiming(capabilities: Capabilities, claims: readonly Control[]): Capabilities {
  const claimed: Capability = { support: 'limited', how: 'only claimed, for tests' };
  const rows = Object.fromEntries(claims.map((control) => [control, claimed]));
  return { ...capabilities, controls: { ...capabilities.controls, ...rows } };
}
