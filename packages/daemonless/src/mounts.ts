import { posix } from 'node:path';
import type { MountSpec, SandboxSpec } from '@sandbox/core';
import type { Ids } from './ids.ts';

/** Something that a jail mounts. Nothing is set-uid in there, and only `devices` has devices. */
export type JailMount =
  | BindMount
  | { readonly type: 'symlink'; readonly link: string; readonly target: string }
  | {
      readonly type: 'tmpfs';
      readonly target: string;
      readonly sizeBytes: number;
      readonly mode: number;
      readonly exec: boolean;
      /** Ids in the guest; null for the guest's user. */
      readonly owner: Ids | null;
    }
  /** Mounted by the jail itself, so that two of them do not see each other's changes. */
  | {
      readonly type: 'overlay';
      readonly target: string;
      readonly lower: string;
      readonly upper: string;
      readonly work: string;
    }
  /** A `/dev` with null, zero, full, random, urandom and tty, terminals of the jail's own, and the usual links; nothing can be made in it. */
  | { readonly type: 'devices'; readonly target: string };

export interface BindMount {
  readonly type: 'bind';
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly exec: boolean;
}

/** What a root file system is put together from: pairs of a name at its top and where on the host that lies. */
export interface RootParts {
  readonly links: readonly { readonly name: string; readonly link: string }[];
  readonly directories: readonly {
    readonly name: string;
    readonly source: string;
    readonly readOnly: boolean;
  }[];
  /** Mounted as overlays by the jail itself. */
  readonly overlays: readonly {
    readonly name: string;
    readonly lower: string;
    readonly upper: string;
    readonly work: string;
  }[];
  /** Files and directories of the host's `/etc` that hold nothing of the host's own. */
  readonly etc: readonly string[];
}

const SHM_BYTES = 64 * 2 ** 20;

/** Names at the root's top that cannot be its own, because something is mounted there or below; so that no guest decides where. Pure. */
export function coveredNames(spec: Pick<SandboxSpec, 'mounts'>): Set<string> {
  const targets = [...spec.mounts.map(({ target }) => target), '/proc', '/sys', '/dev', '/.sandbox'];
  return new Set(targets.map((target) => posix.normalize(target).split('/')[1] ?? ''));
}

/** The root file system: an empty one that nobody can write to, with what lies at its top mounted into it. Pure. */
export function rootMounts(parts: RootParts): JailMount[] {
  return [
    ...parts.links.map(({ name, link }) => symlink(link, `/${name}`)),
    ...parts.directories.map(({ name, source, readOnly }) => bind(source, `/${name}`, readOnly)),
    ...parts.overlays.map(
      ({ name, ...layers }): JailMount => ({ type: 'overlay', target: `/${name}`, ...layers }),
    ),
    ...parts.etc.map((path) => bind(path, path, true)),
    { type: 'devices', target: '/dev' },
    { type: 'tmpfs', target: '/dev/shm', sizeBytes: SHM_BYTES, mode: 0o1777, exec: false, owner: null },
  ];
}

/** A directory of the host, and where the jail finds it. */
export interface Source {
  readonly original: string;
  readonly path: string;
}

/**
 * The spec's own mounts. `source` finds the directory of a bind or a volume, `below` the mount points under it, which a flag of the upper one does not
 * reach. An owner of null leaves a tmpfs to the guest's user. Pure.
 */
export function specMounts(
  spec: Pick<SandboxSpec, 'mounts' | 'workdir'>,
  source: (mount: Exclude<MountSpec, { type: 'tmpfs' }>) => Source,
  below: (path: string) => readonly string[],
  owner: (ids: Ids) => Ids | null,
): JailMount[] {
  const mounts = spec.mounts.flatMap((mount): JailMount[] => {
    if (mount.type === 'tmpfs') return [{ ...mount, owner: owner(mount.owner) }];
    const { original, path } = source(mount);
    const inner = below(original)
      .map((sub) => posix.relative(original, sub))
      .map((sub) => bind(posix.join(path, sub), posix.join(mount.target, sub), mount.readOnly));
    return [bind(path, mount.target, mount.readOnly), ...inner];
  });
  const home = spec.mounts
    .filter(({ target }) => spec.workdir.startsWith(`${target}/`))
    .toSorted((a, b) => b.target.length - a.target.length)[0];
  // An empty tmpfs does not have the working directory yet, and nothing but another mount can make it.
  return home?.type === 'tmpfs'
    ? [...mounts, { ...home, target: spec.workdir, owner: owner(home.owner) }]
    : mounts;
}

export function bind(source: string, target: string, readOnly: boolean): BindMount {
  return { type: 'bind', source, target, readOnly, exec: true };
}

function symlink(link: string, target: string): JailMount {
  return { type: 'symlink', link, target };
}
