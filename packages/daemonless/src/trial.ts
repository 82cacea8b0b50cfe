import { existsSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LimitsSpec, SandboxError } from '@sandbox/core';
import { listed } from './directories.ts';
import type { Host } from './host.ts';
import { FIRST_BASE, type IdPlan, idMap, RANGE, RANGES } from './ids.ts';
import type { Jailer } from './jailer.ts';
import { launchJail, untilStarted } from './launch.ts';
import { bind } from './mounts.ts';
import { isAbandoned, temporaryName } from './temporary-name.ts';

const unlimited: LimitsSpec = {
  ...{ memoryBytes: null, cpus: null, pids: null },
  ...{ openFiles: null, fileSizeBytes: null, diskBytes: null },
};

/** Makes one small jail, which proves the program's libraries, namespaces, the filter and the cgroup. Throws what is wrong. */
export async function tryJail(jailer: Jailer, host: Host, signal: AbortSignal): Promise<void> {
  const directory = scratchDirectory();
  const cgroup = temporaryName('probe');
  // Of a range that is nobody's: the one beyond the last.
  const ids: IdPlan = host.isRoot
    ? { type: 'range', base: FIRST_BASE + RANGES * RANGE, uid: null, gid: null }
    : { type: 'caller', host: host.caller };
  try {
    host.cgroups?.ensure(cgroup, unlimited);
    const command = jailer.command({
      ...{ program: host.program, scratch: join(directory, 'jail') },
      ...{ argv: ['/usr/bin/env', 'true'], env: { PATH: '/usr/bin:/bin' }, workdir: '/' },
      ...{ user: { uid: 1000, gid: 1000 }, uids: idMap(ids, 'uid', 1000), gids: idMap(ids, 'gid', 1000) },
      mounts: [
        ...['/usr', '/bin', '/lib', '/lib64']
          .filter((path) => existsSync(path))
          .map((path) => bind(path, path, true)),
        { type: 'devices', target: '/dev' },
        { type: 'tmpfs', target: '/tmp', sizeBytes: 65_536, mode: 0o1777, exec: true, owner: null },
      ],
      ...{ limits: unlimited, security: { capabilities: [], noNewPrivileges: true, seccomp: true } },
      ...{ architecture: host.architecture, hardLimits: host.hardLimits, countsPids: true },
    });
    const cgroups = host.cgroups?.procsFiles(cgroup) ?? [];
    const jail = launchJail({
      ...{ runtime: jailer.runtime, makers: jailer.makers, command, cgroups, binds: [], stdio: 'ignore' },
      inherited: host.inherited,
    });
    await untilStarted(jail, signal);
    const { exitCode } = await jail.ended;
    if (exitCode !== 0) throw new SandboxError('UNAVAILABLE', `a program in a jail ended with ${exitCode}`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
    await host.cgroups?.remove(cgroup, signal);
  }
}

const SCRATCH = 'sandboxjail';

/** Where nobody else can read; what trials left there that were killed goes. */
function scratchDirectory(): string {
  const parent = tmpdir();
  try {
    for (const name of listed(parent)) {
      if (name.startsWith(SCRATCH) && isAbandoned(name)) removeOwn(join(parent, name));
    }
  } catch {
    // Somebody else's turn: who may not look there, or was second, has nothing to remove.
  }
  const directory = join(parent, temporaryName(SCRATCH));
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}

/** Anybody may make something of this name there, and put links into it while it is being removed. */
function removeOwn(path: string): void {
  const stats = lstatSync(path);
  if (stats.isDirectory() && stats.uid === process.geteuid?.()) rmSync(path, { recursive: true });
}
