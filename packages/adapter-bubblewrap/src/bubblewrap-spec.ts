import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { SandboxSpec } from '@sandbox/core';
import {
  type HostFacts,
  type JailCommand,
  type JailRequest,
  unsupported,
  writeIdMaps,
} from '@sandbox/daemonless';
import { mountWords } from './bubblewrap-mounts.ts';
import { isMade, jailEnd } from './bubblewrap-report.ts';
import { seccompProgram } from './bubblewrap-seccomp.ts';

/** Descriptors that bwrap closes before the guest runs, all that it is given. */
const [STATUS, ARGUMENTS, INFO] = ['3', '4', '5'];

type Asked = Pick<SandboxSpec, 'root' | 'mounts' | 'user'>;

/** What this runtime alone cannot do. Pure. */
export function checkBubblewrapSpec(
  { root, mounts, user }: Asked,
  { isRoot }: Pick<HostFacts, 'isRoot'>,
): void {
  if (root.type === 'directory' && !root.readOnly && !isRoot) {
    const why = 'without root rights bubblewrap keeps no changes of a directory: take it read-only (strict)';
    throw unsupported('a root file system', why);
  }
  for (const mount of mounts) {
    if (mount.type !== 'tmpfs') continue;
    const { uid, gid } = mount.owner;
    if (uid !== user.uid || gid !== user.gid)
      throw unsupported('tmpfs-size', `${mount.target} cannot belong to ${uid}:${gid}, who is not the user`);
    if (!mount.exec) throw unsupported('tmpfs-size', `programs on ${mount.target} cannot be forbidden`);
  }
}

/**
 * How bwrap is told to make one jail. Its options and the environment are read from a descriptor: everybody may see a command line. It never has more rights than
 * the guest's user has on the host; where there is a range of ids, it waits until they are mapped for it.
 */
export function bubblewrapCommand(request: JailRequest): JailCommand {
  const { program, argv, architecture, uids, gids } = request;
  const options = bubblewrapOptions(request).map((word) => `${word}\0`);
  const hasRange = uids.length > 1;
  const inputs = [Buffer.from(options.join(''))];
  // It does not wait for maps without an INFO, where it writes what it says on STATUS as well.
  if (hasRange) inputs.push(Buffer.alloc(0));
  const gate = String(4 + inputs.length);
  const filter = String(5 + inputs.length);
  return {
    argv: [
      ...guardWords(hasRange),
      ...(hasRange ? asUser(request) : []),
      ...limitWords(request),
      ...[program, '--args', ARGUMENTS, '--json-status-fd', STATUS, '--seccomp', filter],
      ...(hasRange ? ['--userns-block-fd', gate, '--info-fd', INFO] : []),
      ...['--block-fd', gate, '--', ...argv],
    ],
    report: { end: jailEnd },
    inputs,
    gate: {
      // As many bytes as are waited for: for the maps, and then before the first process is run.
      opens: Buffer.alloc(hasRange ? 2 : 1),
      // It refuses to go on with half a filter, and with none.
      key: seccompProgram(architecture, guestCapabilities(request).includes('SYS_CHROOT')),
      isWaiting: isMade,
      prepare: (pid) => {
        if (hasRange) writeIdMaps(pid, uids, gids);
        return limitProcesses(pid, request);
      },
    },
  };
}

/** The options that describe the jail. Pure. */
export function bubblewrapOptions(request: Omit<JailRequest, 'program' | 'scratch'>): string[] {
  const { env, user, uids, workdir, mounts } = request;
  const ids = uids.length > 1 ? [] : ['--uid', String(user.uid), '--gid', String(user.gid)];
  return [
    ...['user', 'pid', 'net', 'ipc', 'uts', 'cgroup'].map((name) => `--unshare-${name}`),
    ...ids,
    // The end of its first process is then the end of everything in there.
    ...['--as-pid-1', '--die-with-parent', '--new-session', '--hostname', 'jail'],
    ...['--cap-drop', 'ALL', ...guestCapabilities(request).flatMap((name) => ['--cap-add', `CAP_${name}`])],
    ...mountWords(mounts),
    ...['--clearenv', ...Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value])],
    ...['--chdir', workdir],
  ];
}

/** Kept capabilities would be in force for any user; only root in the guest is to have them. */
function guestCapabilities({ user, security }: Pick<JailRequest, 'user' | 'security'>): readonly string[] {
  return user.uid === 0 ? (security.capabilities ?? []) : [];
}

/**
 * A PID namespace around bwrap, in which it is the first process: when it ends, so does all that it has made, at whatever moment. By itself it ties the jail to its own end
 * last of all. It has a /proc of its own: bwrap looks at the jail's first process there, by its id in this namespace.
 */
function guardWords(isRoot: boolean): string[] {
  const own = isRoot ? [] : ['--user', '--map-current-user'];
  return ['unshare', ...own, '--pid', '--mount-proc', '--fork', '--kill-child=KILL', '--'];
}

/** As who the guest's user is outside. A change of user takes the parent-death signal away, so it is set again. */
function asUser({ uids, gids }: JailRequest): string[] {
  const [uid, gid] = [uids[0]?.outside, gids[0]?.outside];
  return [
    ...['setpriv', '--reuid', String(uid), '--regid', String(gid), '--clear-groups'],
    ...['--no-new-privs', '--pdeathsig', 'KILL', '--'],
  ];
}

function limitWords({ limits, hardLimits }: JailRequest): string[] {
  const word = (name: string, limit: number | null, most: number) =>
    limit === null ? [] : [`--${name}=${Math.min(limit, most)}:${Math.min(limit, most)}`];
  return [
    ...['prlimit', '--core=0:0'],
    ...word('nofile', limits.openFiles, hardLimits.openFiles),
    ...word('fsize', limits.fileSizeBytes, hardLimits.fileSizeBytes),
    '--',
  ];
}

/** Where no cgroup counts processes. Set any earlier, it would count all that run as this user. */
async function limitProcesses(pid: number, { limits, countsPids, uids, gids }: JailRequest): Promise<void> {
  if (countsPids || limits.pids === null) return;
  const user = process.geteuid?.() === 0 ? { uid: uids[0]?.outside, gid: gids[0]?.outside } : {};
  await promisify(execFile)('prlimit', ['--pid', String(pid), `--nproc=${limits.pids}:${limits.pids}`], user);
}
