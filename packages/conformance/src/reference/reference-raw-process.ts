import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type RawProcess, SandboxError } from '@sandbox/core';
import type { Launch } from './reference-spec.ts';

export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

export interface LaunchedProcess {
  readonly pid: number;
  /** Null where it has no streams. */
  readonly raw: RawProcess | null;
  readonly exited: Promise<{ exitCode: number | null; signal: string | null }>;
}

/** Starts a process of its own session; its streams are ours, or it has none and outlives us. */
export async function launch(
  plan: Launch,
  user: Identity,
  stdio: 'pipe' | 'ignore',
): Promise<LaunchedProcess> {
  const [program = '', ...words] = plan.argv;
  const identity = process.getuid?.() === 0 ? user : {};
  const child = spawn(program, words, { cwd: plan.cwd, env: plan.env, stdio, detached: true, ...identity });
  const exited = once(child, 'exit').then(([exitCode, signal]) => ({ exitCode, signal }));
  exited.catch(() => undefined);
  const raw = stdio === 'pipe' ? rawProcess(child, exited) : null;
  await once(child, 'spawn').catch((cause: NodeJS.ErrnoException) => {
    const code =
      cause.code === 'ENOENT' ? 'NOT_FOUND' : cause.code === 'EACCES' ? 'PERMISSION_DENIED' : 'UNKNOWN';
    throw new SandboxError(code, `${program} cannot be started: ${cause.message}`, { cause });
  });
  if (raw === null) child.unref();
  return { pid: child.pid ?? 0, raw, exited };
}

function rawProcess(child: ChildProcess, exited: LaunchedProcess['exited']): RawProcess {
  // Node throws away what nobody reads when a child exits; these keep it.
  const stdout = (child.stdout as Readable).pipe(new PassThrough());
  const stderr = (child.stderr as Readable).pipe(new PassThrough());
  const stdin = child.stdin as Writable;
  // Who writes to a process that has ended learns it from `wait`.
  stdin.on('error', () => undefined);
  const ended = Promise.allSettled([exited, finished(stdout), finished(stderr)]);
  const pipes = [child.stdin, child.stdout, child.stderr] as Socket[];
  const hold = (verb: 'ref' | 'unref') => {
    child[verb]();
    for (const pipe of pipes) pipe[verb]();
  };
  return {
    stdin,
    stdout,
    stderr,
    wait: async () => {
      await ended;
      return exited.catch(() => ({ exitCode: null, signal: null }));
    },
    ref: () => hold('ref'),
    unref: () => hold('unref'),
    destroy() {
      for (const stream of [...pipes, stdout, stderr]) stream.destroy();
    },
  };
}
