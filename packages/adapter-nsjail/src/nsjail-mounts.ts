import type { JailMount } from '@sandbox/daemonless';

/** One entry of nsjail's `mount`, in its own words. */
export interface NsjailMount {
  readonly src?: string;
  readonly dst: string;
  readonly isBind?: true;
  readonly isSymlink?: true;
  readonly fstype?: string;
  readonly options?: string;
  readonly rw?: boolean;
  readonly nosuid?: true;
  readonly nodev?: boolean;
  readonly noexec?: boolean;
  readonly mandatory: true;
}

/** Pure. */
export function nsjailMount(mount: JailMount): NsjailMount {
  const { target: dst } = mount;
  const always = { dst, nosuid: true, mandatory: true } as const;
  switch (mount.type) {
    case 'symlink':
      return { src: mount.link, dst, isSymlink: true, mandatory: true };
    case 'bind': {
      const { source: src, readOnly, device, exec } = mount;
      return { ...always, src, isBind: true, rw: !readOnly, nodev: !device, noexec: !exec };
    }
    case 'tmpfs': {
      const { sizeBytes, mode, exec, owner } = mount;
      const ids = owner ? `,uid=${owner.uid},gid=${owner.gid}` : '';
      const options = `size=${sizeBytes},mode=${mode.toString(8)}${ids}`;
      return { ...always, fstype: 'tmpfs', options, rw: true, nodev: true, noexec: !exec };
    }
    case 'overlay': {
      const { lower, upper, work } = mount;
      const options = `lowerdir=${lower},upperdir=${upper},workdir=${work},userxattr`;
      return { ...always, fstype: 'overlay', options, rw: true, nodev: true };
    }
    case 'terminals':
      return {
        ...{ ...always, fstype: 'devpts', options: 'newinstance,ptmxmode=0666,mode=0620', rw: true },
        noexec: true,
      };
  }
}
