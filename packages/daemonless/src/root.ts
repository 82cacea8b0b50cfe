import { chmodSync, lstatSync, mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { SandboxError, type SandboxSpec } from '@sandbox/core';
import { makeOwned } from './directories.ts';
import { makeEtc } from './etc.ts';
import { hostId, type IdPlan, type Ids } from './ids.ts';
import { coveredNames, type RootParts } from './mounts.ts';
import type { StateDirectory } from './state.ts';

/** What a program needs to start: nothing here is the host's own business. */
const PROGRAMS = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'usr'];
/** Directories of a root that are a sandbox's own; with what mode. */
const OWN: Readonly<Record<string, number>> = {
  ...{ home: 0o755, opt: 0o755, root: 0o700, run: 0o755, srv: 0o755, tmp: 0o1777, var: 0o755 },
};
const IN_VAR = { cache: 0o755, lib: 0o755, log: 0o755, tmp: 0o1777 };
const SYSTEM_DIRECTORIES = new Set(['proc', 'sys', 'dev', '.sandbox', 'lost+found']);

/** Where a jail finds a directory. */
type Reach = (path: string) => string;

type RootOwner = Pick<SandboxSpec, 'root' | 'mounts' | 'user' | 'workdir' | 'name'>;

/** `UNSUPPORTED` for mounts that would hide the programs of the root file system. Pure. */
export function checkTargets(spec: Pick<SandboxSpec, 'mounts' | 'name'>): void {
  const hidden = [...coveredNames(spec)].find(
    (name) => name === 'etc' || name === '' || PROGRAMS.includes(name),
  );
  if (hidden === undefined) return;
  throw new SandboxError('UNSUPPORTED', `nothing can be mounted at or below /${hidden}`, {
    operation: 'create',
  });
}

/** Makes what a sandbox keeps of its root, before any guest runs in it. */
export function furnishRoot(spec: RootOwner, directory: string, ids: IdPlan): void {
  if (spec.root.readOnly || spec.root.type !== 'host') return;
  const owned = (path: string, mode: number, { uid, gid }: Ids) =>
    makeOwned(path, mode, { uid: hostId(ids, 'uid', uid), gid: hostId(ids, 'gid', gid) });
  const own = Object.entries(OWN).filter(([name]) => !coveredNames(spec).has(name));
  for (const [name, mode] of own) owned(join(directory, name), mode, { uid: 0, gid: 0 });
  if (own.some(([name]) => name === 'var')) {
    for (const [name, mode] of Object.entries(IN_VAR))
      owned(join(directory, 'var', name), mode, { uid: 0, gid: 0 });
  }
  const [, top = ''] = spec.workdir.split('/');
  if (!own.some(([name]) => name === top)) return;
  let path = join(directory, top);
  for (const part of spec.workdir.split('/').slice(2)) {
    path = join(path, part);
    try {
      lstatSync(path);
    } catch {
      owned(path, 0o755, spec.user);
    }
  }
}

/** Where the parts of a sandbox's root are. */
export function rootParts(spec: RootOwner, state: StateDirectory, isRoot: boolean, reach: Reach): RootParts {
  return spec.root.type === 'directory'
    ? directoryParts(spec, spec.root, state, isRoot, reach)
    : hostParts(spec, state, reach);
}

function hostParts(spec: RootOwner, state: StateDirectory, reach: Reach): RootParts {
  const { links, directories } = topOf('/', (name) => PROGRAMS.includes(name));
  const covered = coveredNames(spec);
  const own = Object.entries(OWN).filter(([name]) => !covered.has(name));
  const seen = (path: string) => join(reach(state.directory), relative(state.directory, path));
  const empty = (name: string, mode: number) =>
    seen(state.shared('empty', name, (draft) => chmodSync(draft, mode)));
  const etc = makeEtc(spec.user, state);
  return {
    links,
    directories: [
      ...directories.map((name) => ({ name, source: `/${name}`, readOnly: true })),
      { name: 'etc', source: seen(etc.source), readOnly: true },
      ...own.map(([name, mode]) =>
        spec.root.readOnly
          ? { name, source: empty(name, mode === 0o700 ? 0o755 : mode), readOnly: true }
          : { name, source: join(reach(state.path(spec.name, 'root')), name), readOnly: false },
      ),
    ],
    overlays: [],
    etc: etc.hostFiles,
  };
}

function directoryParts(
  spec: RootOwner,
  root: { readonly path: string; readonly readOnly: boolean },
  state: StateDirectory,
  isRoot: boolean,
  reach: Reach,
): RootParts {
  const covered = coveredNames(spec);
  const { links, directories } = topOf(
    root.path,
    (name) => !SYSTEM_DIRECTORIES.has(name) && !covered.has(name),
  );
  const parts = { links, overlays: [], directories: [], etc: [] };
  if (root.readOnly) {
    return {
      ...parts,
      directories: directories.map((name) => ({
        name,
        source: join(reach(root.path), name),
        readOnly: true,
      })),
    };
  }
  if (isRoot) {
    const merged = reach(state.path(spec.name, 'overlay/merged'));
    return {
      ...parts,
      directories: directories.map((name) => ({ name, source: join(merged, name), readOnly: false })),
    };
  }
  const layer = (part: string, name: string) => state.path(spec.name, 'overlay', part, name);
  const overlay = (name: string) => {
    const [upper, work] = [layer('upper', name), layer('work', name)];
    for (const path of [upper, work]) mkdirSync(path, { recursive: true });
    return { name, lower: join(root.path, name), upper, work };
  };
  return { ...parts, overlays: directories.map(overlay) };
}

/** Overlays are told their directories in one word that these characters take apart. */
export function checkOverlayPath(what: string, path: string): void {
  if (!/[:,\\\n]/.test(path)) return;
  throw new SandboxError(
    'UNSUPPORTED',
    `${what} ${JSON.stringify(path)} has a colon, comma, backslash or newline in its path`,
    { operation: 'create', hint: 'Use a read-only root (strict), or move it.' },
  );
}

function topOf(root: string, wanted: (name: string) => boolean) {
  const entries = readdirSync(root, { withFileTypes: true }).filter(({ name }) => wanted(name));
  return {
    links: entries
      .filter((entry) => entry.isSymbolicLink())
      .map(({ name }) => ({ name, link: readlinkSync(join(root, name)) })),
    directories: entries.filter((entry) => entry.isDirectory()).map(({ name }) => name),
  };
}
