import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import { ensureImage } from './docker.ts';
import {
  findDaemonProgram,
  privatePlace,
  runningDaemonPid,
  startDaemon,
  stopDaemon,
} from './docker-daemon.ts';
import { createEngineApi } from './engine-api.ts';
import { readHost } from './host.ts';
import { defaultImage } from './image-recipes.ts';
import { identify, isAlive, type ProcessIdentity, waitUntil } from './process-record.ts';
import type { BringUpContext } from './runtime.ts';

/** A dockerd of a test's own, to be killed and hung without harm to anybody. */
export interface PrivateDocker extends AsyncDisposable {
  readonly socketPath: string;
  readonly pid: number;
  /** SIGKILL: containers run on, pid files stay. Returns when the process is gone. */
  kill(): Promise<void>;
  /** Stopped with SIGSTOP: the socket accepts, nothing answers. */
  hang(): void;
  resume(): void;
  /** Starts it again after `kill`, on the same data. */
  start(): Promise<void>;
}

const prefix = 'sandbox-docker-';
const ownerFile = 'owner.json';

/** Whether this machine can run one: Linux, root, and Docker's daemon installed. */
export function canRunPrivateDocker(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0 && findDaemonProgram() !== undefined;
}

/** Starts one, with the default image in it. Its networks reach nothing outside. */
export async function startPrivateDocker({
  signal = new AbortController().signal,
}: {
  readonly signal?: AbortSignal;
} = {}): Promise<PrivateDocker> {
  await endOrphanedPrivateDockers();
  const root = mkdtempSync(join(tmpdir(), prefix));
  writeFileSync(join(root, ownerFile), JSON.stringify(identify(process.pid)));
  const place = privatePlace(root);
  const quiet: BringUpContext = { progress: { step: (_, work) => work(), note: () => {} }, signal };
  const engine = createEngineApi(place.socketPath);

  const pid = () => {
    const found = runningDaemonPid(place);
    if (found === undefined) throw new Error('this dockerd does not run');
    return found;
  };
  const dispose = () => endPrivateDocker(root);

  try {
    await startDaemon(place, signal);
    await ensureImage(engine, defaultImage, readHost(), quiet);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    socketPath: place.socketPath,
    get pid() {
      return pid();
    },
    async kill() {
      const killed = pid();
      process.kill(killed, 'SIGKILL');
      await waitUntil(() => identify(killed) === undefined, 10_000);
    },
    hang: () => void process.kill(pid(), 'SIGSTOP'),
    resume: () => void process.kill(pid(), 'SIGCONT'),
    start: () => startDaemon(place, signal),
    [Symbol.asyncDispose]: dispose,
  };
}

/** Ends those whose test is gone: a test runner that was killed could not do it. */
export async function endOrphanedPrivateDockers(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const root = join(tmpdir(), name);
    if (name.startsWith(prefix) && !ownerIsAlive(root)) await endPrivateDocker(root);
  }
}

function ownerIsAlive(root: string): boolean {
  try {
    return isAlive(JSON.parse(readFileSync(join(root, ownerFile), 'utf8')) as ProcessIdentity);
  } catch {
    return false;
  }
}

async function endPrivateDocker(root: string): Promise<void> {
  const place = privatePlace(root);
  const pid = runningDaemonPid(place);
  if (pid !== undefined) process.kill(pid, 'SIGCONT');
  // After a kill the containers run on without a daemon, and only a daemon knows how to end them.
  if (pid === undefined && existsSync(place.pidFile)) await startDaemon(place, new AbortController().signal);
  await createEngineApi(place.socketPath)
    .findLabelled([], { remove: true })
    .catch(() => {});
  await stopDaemon(place);
  // A daemon that was killed leaves its mounts.
  for (const mountPoint of mountsBelow(root)) await runCommand('umount', ['--lazy', mountPoint]);
  rmSync(root, { recursive: true, force: true });
}

function mountsBelow(root: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${root}/`))
    .reverse();
}
