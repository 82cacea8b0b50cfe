import { dirname, join } from 'node:path';

const CONTROLLERS = ['memory', 'pids', 'cpu', 'cpuacct'] as const;
export type CgroupController = (typeof CONTROLLERS)[number];

/** Where each controller is mounted; `unified` is version 2, beside version 1 or alone. */
export interface CgroupLayout {
  readonly version: 1 | 2;
  readonly v1: Readonly<Partial<Record<CgroupController, string>>>;
  readonly unified: string | null;
}

/** From the text of `/proc/self/mountinfo`; null where there are no cgroups. Pure. */
export function parseCgroupLayout(mountinfo: string): CgroupLayout | null {
  const v1: Partial<Record<CgroupController, string>> = {};
  let unified: string | null = null;
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [type, , options = ''] = after.split(' ');
    const point = before.split(' ')[4] ?? '';
    if (type === 'cgroup2') unified ??= point;
    if (type !== 'cgroup') continue;
    for (const name of CONTROLLERS) if (options.split(',').includes(name)) v1[name] ??= point;
  }
  if (Object.keys(v1).length > 0) return { version: 1, v1, unified };
  return unified === null ? null : { version: 2, v1, unified };
}

/** Where sandboxes' cgroups go when nobody says. `own` is the text of `/proc/self/cgroup`. Pure. */
export function defaultParent(layout: CgroupLayout, uid: number, own: string): string {
  if (uid === 0) return '/sandbox';
  const path = /^0::(.*)$/m.exec(own)?.[1] ?? '/';
  // A process may be moved only within what was delegated to its user, so its new cgroup has to be beside its own.
  return layout.version === 2 && path !== '/' ? join(dirname(path), 'sandbox') : `/sandbox-${uid}`;
}
