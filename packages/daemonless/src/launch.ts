import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type RawProcess, SandboxError } from '@sandbox/core';
import { childRawProcess, type PipedChild } from './child-process.ts';
import { openGate } from './gate.ts';
import type { JailCommand, JailEnd } from './jailer.ts';
import { firstProcess, killTrees } from './processes.ts';

/** Into each cgroup, each directory to where a jail can reach it, then the program. Nothing is put into this text. */
const ENTER =
  'while [ "$1" != -- ]; do echo 0 > "$1" || exit 254; shift; done; shift; ' +
  'while [ "$1" != -- ]; do mount --rbind -- "$1" "$2" || exit 254; shift 2; done; shift; exec "$@"';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const MOST_REPORT = 2 ** 20;
const MOST_SAID = 2 ** 13;
const INPUTS = 4;

export interface LaunchRequest {
  /** For people. */
  readonly runtime: string;
  /** See `Jailer`. */
  readonly makers: number;
  readonly command: JailCommand;
  /** `cgroup.procs` files that it is to be in. */
  readonly cgroups: readonly string[];
  /** Pairs of directories to bind in a mount namespace of its own, before the jail's is made. */
  readonly binds: readonly (readonly [source: string, target: string])[];
  readonly stdio: 'pipe' | 'ignore';
  /** Descriptors of this program that a child would get and is not to have. */
  readonly inherited: readonly number[];
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
  const child = spawnJail(request);
  const report = readReport(child, request);
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  const stderr = new PassThrough();
  const errors = child.stderr as Readable;
  const isSilent = finished(errors).catch(() => undefined);
  let said = '';
  errors.on('data', (chunk: Buffer) => {
    if (said.length < MOST_SAID) said += chunk.toString();
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
    const end = command.report.end(report.text, said);
    if (end.type !== 'failed') return endOf(end, exitCode);
    await isSilent;
    return cannotRun(runtime, command.report.end(report.text, said), said, stderr);
  })();
  const started = (async () => {
    await Promise.race([report.executing, ended, exited.catch((error) => rethrowSpawn(runtime, error))]);
    await (report.started ? undefined : ended);
    if (report.started) return nudge(command.nudge?.afterStartMs);
    const end = command.report.end(report.text, said);
    // It may be over before anybody saw it start.
    const hasRun =
      command.gate && report.failure === undefined && (end.type === 'failed' ? end.isMade : true);
    if (!hasRun) throw report.failure ?? cannotStart(runtime, end, said);
  })();
  started.catch(() => undefined);
  void Promise.all([ended, isSilent]).then(() => stderr.end());
  const raw = stdio === 'pipe' ? childRawProcess(child as PipedChild, ended, stderr) : null;
  raw?.stdin.once('finish', () => nudge(command.nudge?.afterStdinMs));
  if (raw === null) {
    stderr.resume();
    child.unref();
    (child.stderr as Socket).unref();
  }
  return { pid: child.pid ?? 0, raw, started, ended };
}

function spawnJail(request: LaunchRequest): ChildProcess {
  const { command, stdio, inherited } = request;
  const { inputs = [], gate } = command;
  const [program = '', ...words] = launchWords(command.argv, request);
  const own = [stdio, stdio, 'pipe', 'pipe', ...inputs.map(() => 'pipe'), ...(gate ? ['pipe', 'pipe'] : [])];
  // A program that closes nothing would hand it on to the guest.
  const nothing = inherited.length > 0 ? openSync('/dev/null', 'r') : null;
  const descriptors = Array.from(
    { length: Math.max(own.length, ...inherited.map((fd) => fd + 1)) },
    (_, fd) => own[fd] ?? (inherited.includes(fd) ? nothing : 'ignore'),
  ) as StdioOptions;
  try {
    const child = spawn(program, words, { cwd: '/', env: { PATH }, stdio: descriptors, detached: true });
    for (const [index, bytes] of inputs.entries()) {
      const socket = child.stdio[INPUTS + index] as unknown as Socket;
      // Who ends without having read it says why on stderr.
      socket.on('error', () => undefined).end(bytes);
      socket.unref();
    }
    return child;
  } finally {
    if (nothing !== null) closeSync(nothing);
  }
}

function readReport(child: ChildProcess, { command, makers }: LaunchRequest) {
  const { report: asks, inputs = [], gate: asked } = command;
  const stream = child.stdio[3] as Socket;
  const { promise: executing, resolve } = Promise.withResolvers<void>();
  const complete: Promise<void> = finished(stream).catch(() => undefined);
  const report = { text: '', started: false, failure: undefined as unknown, executing, complete };
  const start = () => {
    report.started = true;
    resolve();
  };
  const refuse = (error: unknown) => {
    report.failure = error;
    void killTrees([child.pid ?? 0]);
  };
  const [socket, keyhole] = child.stdio.slice(INPUTS + inputs.length) as unknown as [Socket, Socket];
  const pid = () => firstProcess(child.pid ?? 0, makers);
  const gate = asked && openGate(asked, [socket, keyhole], { pid, fail: refuse });
  void gate?.passed.then(start);
  stream.on('data', (chunk: Buffer) => {
    if (report.text.length < MOST_REPORT) report.text += chunk.toString('latin1');
    gate?.look(report.text);
    if (!report.started && asks.hasStarted?.(report.text)) start();
  });
  stream.unref();
  // What it has said is there to be read: whoever waits for the end is not to end before.
  child.once('exit', () => stream.ref());
  return report;
}

function endOf(end: Exclude<JailEnd, { type: 'failed' }>, exitCode: number | null) {
  return end.type === 'exited' ? { exitCode: end.exitCode, signal: null } : { exitCode, signal: end.signal };
}

/** The program could not be started: as a shell has it. */
function cannotRun(runtime: string, end: JailEnd, said: string, stderr: PassThrough) {
  const reason = end.type === 'failed' ? end.reason : '';
  if (!said.includes(reason)) stderr.write(`${runtime}: ${reason}\n`);
  return { exitCode: /No such file/.test(reason) ? 127 : 126, signal: null };
}

function rethrowSpawn(runtime: string, cause: NodeJS.ErrnoException): never {
  throw new SandboxError('UNAVAILABLE', `${runtime} cannot be started: ${cause.message}`, {
    hint: 'It needs `setpriv` and `unshare` of util-linux, and a shell.',
    cause,
  });
}

function cannotStart(runtime: string, end: JailEnd, said: string): SandboxError {
  const reason = end.type === 'failed' ? end.reason : 'it ended before its program ran';
  const words = [reason, said.includes(reason) ? '' : said.trim()].filter(Boolean);
  const message = `${runtime} could not make the jail: ${words.join('; ')}`;
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
