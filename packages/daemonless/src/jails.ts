import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SandboxError } from '@sandbox/core';
import { claim, makeSearchable, readJson } from './directories.ts';
import type { Host } from './host.ts';
import { hostId, type Ids, idMap } from './ids.ts';
import type { Jailer } from './jailer.ts';
import { type LaunchedJail, launchJail } from './launch.ts';
import { mountPointsBelow } from './mount-points.ts';
import { bind, type JailMount, rootMounts, specMounts } from './mounts.ts';
import { killTrees } from './processes.ts';
import { rootParts } from './root.ts';
import { isOrphan, type JailProcess, type SandboxRecord, type StateDirectory } from './state.ts';
import { ownInstance } from './temporary-name.ts';
import type { DirectoryVolumes } from './volumes.ts';

export interface Session {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly user: Ids;
  /** Of the agent that it finds at `/.sandbox`. */
  readonly agentDigest: string;
  readonly stdio: 'pipe' | 'ignore';
}

export interface JailWorld {
  readonly jailer: Jailer;
  readonly host: Host;
  readonly state: StateDirectory;
  readonly volumes: DirectoryVolumes;
}

type Binds = [source: string, target: string][];

/** Starts one jail of a sandbox, and writes it down, in one go: nobody sees a jail that is not written down. */
export function startJail(record: SandboxRecord, session: Session, world: JailWorld): LaunchedJail {
  const { state, host, jailer } = world;
  const { spec, ids } = record;
  const { user } = session;
  const binds: Binds = [];
  const mounts = mountsOf(record, session, binds, world);
  const release = claimRoot(record, state, host);
  const scratch = state.path(spec.name, `jail-${randomBytes(8).toString('hex')}`);
  const tidy = () => rmSync(scratch, { force: true });
  let launched: LaunchedJail;
  try {
    const command = jailer.command({
      ...{ program: host.program, scratch, argv: session.argv, env: session.env, user, mounts },
      ...{ uids: idMap(ids, 'uid', user.uid), gids: idMap(ids, 'gid', user.gid), workdir: spec.workdir },
      ...{ limits: spec.limits, security: spec.security, architecture: host.architecture },
      ...{ hardLimits: host.hardLimits, countsPids: host.cgroups?.has('pids') ?? false },
    });
    const cgroups = host.cgroups?.procsFiles(record.id) ?? [];
    launched = launchJail({
      ...{ runtime: jailer.runtime, makers: jailer.makers, command, cgroups, binds },
      stdio: session.stdio,
      inherited: host.inherited,
    });
  } catch (error) {
    tidy();
    release();
    throw error;
  }
  void launched.started.then(tidy, tidy);
  void launched.ended.then(() => {
    release();
    state.forgetProcess(spec.name, launched.pid);
  });
  try {
    if (launched.pid !== 0) state.addProcess(spec.name, launched.pid);
  } catch (error) {
    // Its sandbox is being removed, or nothing can be written: nobody else would find it to end it.
    void killTrees([launched.pid]);
    throw error;
  }
  return launched;
}

function mountsOf(
  { spec, ids, id }: SandboxRecord,
  { user, agentDigest }: Session,
  binds: Binds,
  { state, volumes, host }: JailWorld,
): JailMount[] {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'latin1');
  const jailIds = { uid: hostId(ids, 'uid', user.uid), gid: hostId(ids, 'gid', user.gid) };
  const reach = (path: string) => (host.isRoot ? reachable(path, jailIds, binds) : path);
  const views = host.cgroups?.views(id) ?? [];
  const agents = join(reach(state.directory), 'agents');
  return [
    ...rootMounts(rootParts(spec, state, host.isRoot, reach)),
    ...views.map(([source, target]): JailMount => ({ ...bind(source, target, true), exec: false })),
    bind(join(agents, agentDigest), `/.sandbox/${agentDigest}`, true),
    ...specMounts(
      spec,
      (mount) => {
        const original = mount.type === 'bind' ? mount.source : volumes.data(mount.volume);
        return { original, path: reach(original) };
      },
      (path) => mountPointsBelow(mountinfo, path),
      // With one id there is nobody else whom it could belong to.
      (owner) => (host.isRoot ? owner : null),
    ),
  ];
}

/** Where a jail finds a directory: itself, or, where its ids cannot get there, a place that it is bound at in a mount namespace of that jail alone. */
function reachable(path: string, ids: Ids, binds: Binds): string {
  if (canReach(path, ids)) return path;
  const known = binds.find(([source]) => source === path);
  if (known) return known[1];
  const target = `/run/sandbox-jails/${binds.length}`;
  makeSearchable(target);
  binds.push([path, target]);
  return target;
}

/** Whether ids may pass through every directory above a path. */
function canReach(path: string, { uid, gid }: Ids): boolean {
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    const { mode, uid: owner, gid: group } = statSync(parent);
    const bit = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (parent === '/') return true;
  }
}

/** Overlays that jails mount by themselves do not see each other's changes: an ordinary user's kept root has one session at a time. */
function claimRoot({ spec }: SandboxRecord, state: StateDirectory, { isRoot }: Host): () => void {
  if (isRoot || spec.root.type !== 'directory' || spec.root.readOnly) return () => undefined;
  const path = state.path(spec.name, 'session.json');
  const holder = readJson<JailProcess['owner']>(path);
  if (holder && isOrphan({ owner: holder })) rmSync(path, { force: true });
  if (!claim(path, JSON.stringify(ownInstance()))) {
    throw new SandboxError('FAILED_PRECONDITION', `${spec.name} has a session, and may have one at a time`, {
      hint: 'Close the other session first, use the root `host` or a read-only one, or run as root.',
    });
  }
  return () => rmSync(path, { force: true });
}
