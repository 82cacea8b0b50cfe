import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { lastLines } from './command.ts';
import { systemSocket } from './docker-endpoint.ts';
import { createEngineApi } from './engine-api.ts';
import { stateDirectory } from './places.ts';
import {
  dropRecord,
  endProcess,
  identify,
  isAlive,
  programOf,
  readRecord,
  waitUntil,
  writeRecord,
} from './process-record.ts';

/** Where one dockerd has its things. */
export interface DaemonPlace {
  /** Says that it was started by us. */
  readonly recordFile: string;
  readonly logFile: string;
  readonly socketPath: string;
  readonly pidFile: string;
  readonly execRoot: string;
  readonly args: readonly string[];
  /** A program that sets something up and then becomes dockerd. */
  readonly wrapper: readonly string[];
}

/** The machine's one Docker, with whatever its /etc/docker/daemon.json says. */
export const systemPlace: DaemonPlace = {
  recordFile: join(stateDirectory(), 'docker.json'),
  logFile: join(stateDirectory(), 'dockerd.log'),
  socketPath: systemSocket,
  pidFile: '/var/run/docker.pid',
  execRoot: '/var/run/docker',
  args: [],
  wrapper: [],
};

/**
 * A daemon apart from the machine's own: other sockets, other images, and a network namespace that reaches nothing,
 * as two daemons on one network take each other's bridge away.
 */
export function privatePlace(root: string): DaemonPlace {
  const socketPath = join(root, 'docker.sock');
  const pidFile = join(root, 'docker.pid');
  const execRoot = join(root, 'exec');
  return {
    recordFile: join(root, 'started.json'),
    logFile: join(root, 'dockerd.log'),
    socketPath,
    pidFile,
    execRoot,
    args: [
      `--host=unix://${socketPath}`,
      `--pidfile=${pidFile}`,
      `--exec-root=${execRoot}`,
      `--data-root=${join(root, 'data')}`,
    ],
    wrapper: ['unshare', '--net'],
  };
}

/** dockerd calls runc, containerd and iptables by name, which an ordinary user's PATH may not reach. */
const daemonPath = [
  ...new Set([
    ...(process.env.PATH ?? '').split(':').filter((directory) => directory !== ''),
    ...['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'],
  ]),
];

export function findDaemonProgram(): string | undefined {
  return daemonPath.map((directory) => join(directory, 'dockerd')).find((path) => existsSync(path));
}

/** Starts dockerd, records it, and returns when it answers. */
export async function startDaemon(place: DaemonPlace, signal: AbortSignal): Promise<void> {
  const program = findDaemonProgram();
  if (program === undefined) throw new Error('dockerd is not installed');
  await leaveNothingStale(place);
  if (await answers(place)) return;

  const { logFile } = place;
  const log = openSync(logFile, 'w', 0o600);
  const [first = program, ...rest] = [...place.wrapper, program, ...place.args];
  writeSync(log, `$ ${[first, ...rest].join(' ')}\n`);
  const child = spawn(first, rest, {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    env: daemonEnvironment(),
  });
  closeSync(log);
  const failed = new Promise<never>((_, reject) => {
    child.on('error', reject);
    child.on('exit', (code, by) => {
      const said = lastLines(readFileSync(logFile, 'utf8'), 15);
      reject(
        new Error(
          `dockerd ended with ${by ?? `exit code ${code}`}:\n${said}\nThe whole log is in ${logFile}`,
        ),
      );
    });
  });
  failed.catch(() => {});
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  if (identity === undefined) return await failed;
  writeRecord(place.recordFile, { kind: 'process', process: identity });
  child.unref();

  const givenUp = () => signal.aborted || !isAlive(identity);
  try {
    const healthy = await Promise.race([failed, waitUntil(() => givenUp() || answers(place), 60_000)]);
    if (!isAlive(identity)) await failed;
    signal.throwIfAborted();
    if (!healthy) throw new Error(`dockerd does not answer after 60 s; its log is in ${logFile}`);
  } catch (error) {
    await stopDaemon(place);
    throw error;
  }
}

/** Stops the dockerd that `startDaemon` started here; false when there is none. */
export async function stopDaemon(place: DaemonPlace): Promise<boolean> {
  const record = readRecord(place.recordFile);
  if (record?.kind !== 'process') return false;
  // It stops its containers first, and may have many.
  await endProcess(record.process, 60_000);
  await endLeftoverContainerd(place);
  dropRecord(place.recordFile);
  return true;
}

/** The dockerd that holds this place's pid file, whoever started it. */
export function runningDaemonPid(place: DaemonPlace): number | undefined {
  return pidIn(place.pidFile, 'dockerd');
}

async function answers(place: DaemonPlace): Promise<boolean> {
  return await createEngineApi(place.socketPath)
    .version({ timeoutMs: 2_000 })
    .then(
      () => true,
      () => false,
    );
}

/**
 * A dockerd that was killed leaves pid files, and the next one will not start, or waits in vain for a containerd
 * that is on its way out, or not one, when its pid has been given to another program. What is just ending is waited
 * for.
 */
async function leaveNothingStale(place: DaemonPlace): Promise<void> {
  await waitUntil(async () => runningDaemonPid(place) === undefined || (await answers(place)), 15_000);
  if (runningDaemonPid(place) !== undefined) {
    if (await answers(place)) return;
    throw new Error(
      `a dockerd runs (pid ${runningDaemonPid(place)}) and does not answer on ${place.socketPath}; it was not started here, so it is left alone`,
    );
  }
  rmSync(place.pidFile, { force: true });
  await endLeftoverContainerd(place);
  rmSync(containerdPidFile(place), { force: true });
}

/** dockerd takes its containerd along, unless it had to be killed. */
async function endLeftoverContainerd(place: DaemonPlace): Promise<void> {
  const pid = pidIn(containerdPidFile(place), 'containerd');
  const identity = pid === undefined ? undefined : identify(pid);
  if (identity !== undefined) await endProcess(identity, 10_000);
}

const containerdPidFile = (place: DaemonPlace) => join(place.execRoot, 'containerd', 'containerd.pid');

function pidIn(file: string, program: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    return programOf(pid) === program ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Nothing of the caller's but what reaches registries: the daemon outlives it. */
function daemonEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => /^(https?|no)_proxy$/i.test(name));
  return { ...Object.fromEntries(kept), PATH: daemonPath.join(':'), HOME: '/root', LANG: 'C.UTF-8' };
}
