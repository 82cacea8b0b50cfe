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

const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

/** Pure. */
export function nsjailMounts(mount: JailMount): NsjailMount[] {
  return mount.type === 'devices' ? devices(mount.target) : [nsjailMount(mount)];
}

function nsjailMount(mount: Exclude<JailMount, { type: 'devices' }>): NsjailMount {
  const { target: dst } = mount;
  const always = { dst, nosuid: true, mandatory: true } as const;
  switch (mount.type) {
    case 'symlink':
      return symlink(mount.link, dst);
    case 'bind': {
      const { source: src, readOnly, exec } = mount;
      return { ...always, src, isBind: true, rw: !readOnly, nodev: true, noexec: !exec };
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
  }
}

function devices(dst: string): NsjailMount[] {
  const always = { nosuid: true, rw: true, mandatory: true } as const;
  return [
    ...DEVICES.map((name) => ({
      ...{ ...always, src: `/dev/${name}`, dst: `${dst}/${name}`, isBind: true as const },
      ...{ nodev: false, noexec: false },
    })),
    {
      ...{ ...always, dst: `${dst}/pts`, fstype: 'devpts', options: 'newinstance,ptmxmode=0666,mode=0620' },
      noexec: true,
    },
    symlink('pts/ptmx', `${dst}/ptmx`),
    symlink('/proc/self/fd', `${dst}/fd`),
    ...['stdin', 'stdout', 'stderr'].map((name, fd) => symlink(`/proc/self/fd/${fd}`, `${dst}/${name}`)),
  ];
}

function symlink(src: string, dst: string): NsjailMount {
  return { src, dst, isSymlink: true, mandatory: true };
}
