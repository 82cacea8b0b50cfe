import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type RawProcess, SandboxError } from '@sandbox/core';
import { childRawProcess, type PipedChild } from './child-process.ts';
import type { JailCommand, JailEnd, JailReport } from './jailer.ts';
import { killTrees } from './processes.ts';

/** Into each cgroup, each directory to where a jail can reach it, then the program. Nothing is put into this text. */
const ENTER =
  'while [ "$1" != -- ]; do echo 0 > "$1" || exit 254; shift; done; shift; ' +
  'while [ "$1" != -- ]; do mount --rbind -- "$1" "$2" || exit 254; shift 2; done; shift; exec "$@"';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const MOST_REPORT = 2 ** 20;

export interface LaunchRequest {
  /** For people. */
  readonly runtime: string;
  readonly command: JailCommand;
  /** `cgroup.procs` files that it is to be in. */
  readonly cgroups: readonly string[];
  /** Pairs of directories to bind in a mount namespace of its own, before the jail's is made. */
  readonly binds: readonly (readonly [source: string, target: string])[];
  readonly stdio: 'pipe' | 'ignore';
}

export interface LaunchedJail {
  readonly pid: number;
  /** Null where it has no streams. */
  readonly raw: RawProcess | null;
  /** When the jail is made and its program about to run; rejects where it cannot be made. */
  readonly started: Promise<void>;
  /** When the jail is gone. Never rejects. */
  readonly ended: Promise<{ exitCode: number | null; signal: string | null }>;
}

/** The command line that starts a jail so that it dies with this program, however that dies. Pure. */
export function launchWords(
  argv: readonly string[],
  { cgroups, binds }: Pick<LaunchRequest, 'cgroups' | 'binds'>,
): string[] {
  const jail = ['setpriv', '--pdeathsig', 'KILL', '--', ...argv];
  if (cgroups.length === 0 && binds.length === 0) return jail;
  const enter = ['/bin/sh', '-c', ENTER, 'sh', ...cgroups, '--', ...binds.flat(), '--', ...jail];
  return binds.length === 0 ? enter : ['unshare', '--mount', '--propagation', 'private', '--', ...enter];
}

export function launchJail(request: LaunchRequest): LaunchedJail {
  const { runtime, stdio, command } = request;
  const [program = '', ...words] = launchWords(command.argv, request);
  const child = spawn(program, words, {
    cwd: '/',
    env: { PATH },
    stdio: [stdio, stdio, 'pipe', 'pipe'],
    detached: true,
  });
  const report = readReport(child, command.report);
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  const stderr = new PassThrough();
  const complaints: Buffer[] = [];
  const errors = child.stderr as Readable;
  errors.on('data', (chunk: Buffer) => {
    if (!report.started && complaints.length < 16) complaints.push(chunk);
  });
  errors.pipe(stderr, { end: false });
  const nudge = (delays: readonly number[] = []) => {
    const { signal } = command.nudge ?? {};
    for (const delay of delays) setTimeout(() => report.started && child.kill(signal), delay).unref();
  };

  const ended = (async () => {
    const [exitCode, signal] = await exited.catch((): [null, null] => [null, null]);
    await report.complete;
    if (signal !== null) return { exitCode: null, signal };
    return endOf(runtime, command.report.end(report.text), exitCode, stderr);
  })();
  const started = (async () => {
    await Promise.race([report.executing, ended, exited.catch((error) => rethrowSpawn(runtime, error))]);
    await (report.started ? undefined : ended);
    if (report.started) nudge(command.nudge?.afterStartMs);
    else throw cannotStart(runtime, command.report.end(report.text), Buffer.concat(complaints).toString());
  })();
  started.catch(() => undefined);
  void Promise.all([ended, finished(errors).catch(() => undefined)]).then(() => stderr.end());
  const raw = stdio === 'pipe' ? childRawProcess(child as PipedChild, ended, stderr) : null;
  raw?.stdin.once('finish', () => nudge(command.nudge?.afterStdinMs));
  if (raw === null) {
    stderr.resume();
    child.unref();
    (child.stderr as Socket).unref();
  }
  return { pid: child.pid ?? 0, raw, started, ended };
}

function readReport(child: ChildProcess, { hasStarted }: JailReport) {
  const stream = child.stdio[3] as Socket;
  const { promise: executing, resolve } = Promise.withResolvers<void>();
  const report = { text: '', started: false, executing, complete: finished(stream).catch(() => undefined) };
  stream.on('data', (chunk: Buffer) => {
    if (report.text.length < MOST_REPORT) report.text += chunk.toString('latin1');
    if (report.started || !hasStarted(report.text)) return;
    report.started = true;
    resolve();
  });
  stream.unref();
  return report;
}

function endOf(runtime: string, end: JailEnd, exitCode: number | null, stderr: PassThrough) {
  if (end.type === 'exited') return { exitCode: end.exitCode, signal: null };
  if (end.type === 'signaled') return { exitCode, signal: end.signal };
  // The program could not be started: as a shell has it.
  stderr.write(`${runtime}: ${end.reason}\n`);
  return { exitCode: /No such file/.test(end.reason) ? 127 : 126, signal: null };
}

function rethrowSpawn(runtime: string, cause: NodeJS.ErrnoException): never {
  throw new SandboxError('UNAVAILABLE', `${runtime} cannot be started: ${cause.message}`, {
    hint: 'It needs `setpriv` and `unshare` of util-linux, and a shell.',
    cause,
  });
}

function cannotStart(runtime: string, end: JailEnd, output: string): SandboxError {
  const reason = end.type === 'failed' ? end.reason : 'it ended before its program ran';
  const message = `${runtime} could not make the jail: ${[reason, output.trim()].filter(Boolean).join('; ')}`;
  const hint = /Permission denied/.test(message)
    ? 'Every directory above what is mounted must be searchable by others: chmod o+x.'
    : 'See `sandbox doctor`.';
  return new SandboxError('FAILED_PRECONDITION', message, { hint });
}

/** Waits until its program is about to run; who gives up on it ends it. */
export async function untilStarted(jail: LaunchedJail, signal: AbortSignal): Promise<void> {
  const abort = () => void killTrees([jail.pid]);
  signal.addEventListener('abort', abort, { once: true });
  try {
    if (signal.aborted) abort();
    await jail.started;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
