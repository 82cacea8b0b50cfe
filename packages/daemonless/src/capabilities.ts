import type { Capabilities, Capability } from '@sandbox/core';
import type { HostFacts } from './host-facts.ts';

const enforced = (how: string): Capability => ({ support: 'enforced', how });
const limited = (how: string): Capability => ({ support: 'limited', how });
const unsupported = (how: string): Capability => ({ support: 'unsupported', how });

/** Of the best that a runtime can do as root, what is left on this host: without cgroups nothing counts, without root rights there is one id. Pure. */
export function capabilitiesOn(best: Capabilities, { isRoot, cgroups }: HostFacts): Capabilities {
  const { controls, facets } = best;
  const cgroup = (name: 'memory' | 'pids' | 'cpu', how: string) =>
    cgroups?.has(name)
      ? enforced(`cgroup v${cgroups.version} ${how}`)
      : unsupported(isRoot ? 'no cgroup can be made here' : 'no cgroup was delegated to this user');
  const nproc = limited('rlimit nproc: counts each session by itself');
  return {
    ...best,
    controls: {
      ...controls,
      memory: cgroup('memory', 'memory controller, swap included'),
      cpus: cgroup('cpu', 'CPU quota'),
      pids: cgroups?.has('pids') ? cgroup('pids', 'pids controller') : nproc,
      user: isRoot ? controls.user : limited('user namespace with one id, which is the caller outside'),
    },
    facets: {
      ...facets,
      stats: cgroups ? facets.stats : unsupported('no cgroup counts'),
      'exec-as-user': isRoot ? facets['exec-as-user'] : limited('every user is the caller outside'),
    },
  };
}
