import { spawn } from 'node:child_process';
import { chmod, copyFile, mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentArtifact, type GuestSession, openSession } from '@sandbox/guest';
import { Unavailable } from './figure.ts';

/** A session with the agent as a plain child process, over local pipes. */
export interface LocalSession extends AsyncDisposable {
  readonly session: GuestSession;
  /** The agent's working directory, for the files of a measurement. */
  readonly directory: string;
}

export async function openLocalSession(): Promise<LocalSession> {
  if (process.platform !== 'linux') throw new Unavailable('the agent is a Linux program');
  const built = builtAgent();
  const directory = await mkdtemp(join(tmpdir(), 'bench-session-'));
  const agent = join(directory, 'agent');
  await copyFile(built, agent);
  await chmod(agent, 0o555);
  const child = spawn(agent, ['session'], { cwd: directory });
  const session = await openSession({
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    wait: () =>
      new Promise((resolve) => child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }))),
    destroy: () => void child.kill('SIGKILL'),
  });
  return {
    session,
    directory,
    async [Symbol.asyncDispose]() {
      await session.close();
      for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as Socket).unref();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function builtAgent(): string {
  try {
    return agentArtifact().path(process.arch === 'arm64' ? 'arm64' : 'amd64');
  } catch (error) {
    throw new Unavailable((error as Error).message);
  }
}

/** Runs one command to its end, throwing its output away. */
export async function runQuietly(session: GuestSession, argv: readonly string[]): Promise<void> {
  const status = await session.exec({ argv }).done;
  if (status.exitCode !== 0) throw new Error(`${argv.join(' ')} ended with ${JSON.stringify(status)}`);
}

/** Bytes of a command's output, counted and let go. */
export async function drain(session: GuestSession, argv: readonly string[]): Promise<number> {
  let bytes = 0;
  const command = session.exec({
    argv,
    onStdout(chunk, release) {
      bytes += chunk.length;
      release();
    },
  });
  await command.done;
  return bytes;
}
