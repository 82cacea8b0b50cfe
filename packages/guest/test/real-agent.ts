import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentArtifact } from '../src/agent-artifact.ts';
import type { ExecRequest, ExecStatus } from '../src/command.ts';
import { openSession } from '../src/open-session.ts';
import type { GuestSession, SessionOptions } from '../src/session.ts';
import type { Transport } from '../src/transport.ts';

/** The agent of this checkout as a plain child process, in a directory of its own. */
export interface RealAgent {
  readonly session: GuestSession;
  readonly process: ChildProcessWithoutNullStreams;
  /** The agent's working directory. */
  readonly directory: string;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startAgent(
  options: SessionOptions = {},
  directory = mkdtempSync(join(tmpdir(), 'guest-')),
): Promise<RealAgent> {
  const child = spawnAgent(directory, 'session');
  const session = await openSession(transportOf(child), options);
  return {
    session,
    process: child,
    directory,
    async [Symbol.asyncDispose]() {
      await session.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** From a copy with the mode that it has in a guest: a package does not keep modes. */
function spawnAgent(directory: string, ...words: readonly string[]): ChildProcessWithoutNullStreams {
  const binary = join(directory, 'agent');
  if (!existsSync(binary))
    copyFileSync(agentArtifact().path(process.arch === 'arm64' ? 'arm64' : 'amd64'), binary);
  chmodSync(binary, 0o555);
  const env = { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: directory, LANG: 'C.UTF-8' };
  return spawn(binary, words, { cwd: directory, env });
}

/** The main process of a long-lived sandbox, as a plain child process. */
export function startInit(directory: string, key: string): ChildProcessWithoutNullStreams {
  return spawnAgent(directory, 'init', key);
}

export function transportOf(child: ChildProcessWithoutNullStreams): Transport {
  const gone = new Promise<{ exitCode: number | null; signal: string | null }>((resolve, reject) => {
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
    child.once('error', reject);
  });
  gone.catch(() => {});
  const { stdin, stdout, stderr } = child;
  const handles = [child, stdin as Socket, stdout as Socket, stderr as Socket];
  return {
    stdin,
    stdout,
    stderr,
    wait: () => gone,
    ref: () => {
      for (const handle of handles) handle.ref();
    },
    unref: () => {
      for (const handle of handles) handle.unref();
    },
    destroy: () => child.kill('SIGKILL'),
  };
}

export interface Collected {
  readonly status: ExecStatus;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** Runs a command to its end, and collects what it prints. */
export async function run(
  session: GuestSession,
  argv: ExecRequest['argv'],
  request: Partial<ExecRequest> = {},
  stdin?: string | Uint8Array,
): Promise<Collected> {
  const stdout: Uint8Array[] = [];
  const stderr: Uint8Array[] = [];
  const command = session.exec({
    argv,
    ...(stdin !== undefined && { stdin: 'pipe' }),
    onStdout(chunk, release) {
      stdout.push(chunk);
      release();
    },
    onStderr(chunk, release) {
      stderr.push(chunk);
      release();
    },
    ...request,
  });
  if (stdin !== undefined)
    command.write(stdin).then(
      () => command.end(),
      () => {},
    );
  const status = await command.done;
  return { status, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
}

export const sh = (
  session: GuestSession,
  script: string,
  request: Partial<ExecRequest> = {},
): Promise<Collected> => run(session, ['sh', '-c', script], request);

/** Whether a process of this machine is there and not a zombie. */
export async function lives(pid: number): Promise<boolean> {
  try {
    return !/^State:\s+Z/m.test(await readFile(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
