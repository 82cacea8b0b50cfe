import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SandboxError } from '@sandbox/core';
import { Memo } from '@sandbox/docker-api';
import { cachedFile } from './cached-file.ts';
import { answers } from './endpoint.ts';
import type { PodmanFacts } from './facts.ts';
import { ADD_SUBORDINATE_IDS, findProgram } from './host.ts';

const START_MS = 15_000;
const END_MS = 5_000;
/** How long it is kept for the next adapter of this program. */
const LINGER_MS = 5_000;
/** Where nothing tells it of our death, it ends by itself when nobody has asked it anything for so long. */
const IDLE_S = 30;
const PREFIX = 'sandbox-podman-';

/**
 * `podman system service`, one for all adapters of this program, on a socket that only this user can reach. It runs in a session of its own, as an interrupt at the terminal is not
 * for it; it dies with this program, however that dies, and is started again where somebody has ended it.
 */
export class PodmanService {
  static readonly #all = new Map<string, PodmanService>();

  /** What it says of itself and its host. */
  readonly facts = new Memo<PodmanFacts>();
  readonly #program: string;
  readonly #ociRuntime: string | undefined;
  readonly #directory: string;
  #child: ChildProcess | undefined;
  #starting: Promise<void> | undefined;
  #users = 0;
  #ending: NodeJS.Timeout | undefined;
  readonly #onExit = () => rmSync(this.#directory, { recursive: true, force: true });

  private constructor(program: string, ociRuntime: string | undefined) {
    this.#program = program;
    this.#ociRuntime = ociRuntime;
    this.#directory = makeDirectory();
    process.once('exit', this.#onExit);
  }

  /** The one with this program and OCI runtime, or a new one. Whoever takes it gives it back with `release`. */
  static take(program: string, ociRuntime: string | undefined): PodmanService {
    const key = JSON.stringify([program, ociRuntime]);
    const service = PodmanService.#all.get(key) ?? new PodmanService(program, ociRuntime);
    PodmanService.#all.set(key, service);
    clearTimeout(service.#ending);
    service.#users += 1;
    return service;
  }

  get socketPath(): string {
    return join(this.#directory, 's');
  }

  /** Resolves when it answers. */
  ready(): Promise<void> {
    if (this.#starting && this.#child && !hasEnded(this.#child)) return this.#starting;
    const starting = this.#start();
    this.#starting = starting;
    starting.catch(() => {
      if (this.#starting === starting) this.#starting = undefined;
    });
    return starting;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#ending = setTimeout(() => void this.#end(), LINGER_MS);
    this.#ending.unref();
  }

  async #start(): Promise<void> {
    this.facts.forget();
    rmSync(this.socketPath, { force: true });
    const log = openSync(join(this.#directory, 'log'), 'w', 0o600);
    const [file, ...args] = serviceArgv(this.#program, {
      socketPath: this.socketPath,
      ociRuntime: this.#ociRuntime,
      setpriv: findProgram('setpriv'),
    });
    const child = spawn(file, args, {
      cwd: '/',
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...configuration() },
    });
    closeSync(log);
    this.#child = child;
    child.unref();
    let failure: Error | undefined;
    child.on('error', (error) => {
      failure = error;
    });
    const end = performance.now() + START_MS;
    while (!(await answers(this.socketPath, START_MS))) {
      if (failure !== undefined || hasEnded(child) || performance.now() > end) {
        child.kill('SIGKILL');
        throw this.#failed(failure);
      }
      await sleep(10);
    }
  }

  async #end(): Promise<void> {
    for (const [key, one] of PodmanService.#all) if (one === this) PodmanService.#all.delete(key);
    process.off('exit', this.#onExit);
    const child = this.#child;
    child?.kill('SIGTERM');
    const end = performance.now() + END_MS;
    while (child && !hasEnded(child) && performance.now() < end) await sleep(20, undefined, { ref: false });
    if (child && !hasEnded(child)) child.kill('SIGKILL');
    this.#onExit();
  }

  #failed(cause: Error | undefined): SandboxError {
    const said = lastLines(join(this.#directory, 'log'));
    const { message, hint } = explain(said, this.#program);
    return new SandboxError('UNAVAILABLE', message, { runtime: 'podman', hint, cause });
  }
}

/** The words that start it. `setpriv` has it told when its parent dies. Pure. */
export function serviceArgv(
  program: string,
  {
    socketPath,
    ociRuntime,
    setpriv,
  }: { socketPath: string; ociRuntime?: string | undefined; setpriv?: string | undefined },
): [string, ...string[]] {
  const runtime = ociRuntime === undefined ? [] : [`--runtime=${ociRuntime}`];
  const service = ['system', 'service', `--time=${setpriv ? 0 : IDLE_S}`, `unix://${socketPath}`];
  const words = [...runtime, '--log-level=error', ...service];
  return setpriv ? [setpriv, '--pdeathsig', 'TERM', program, ...words] : [program, ...words];
}

/** What a failed start has said, in words and with a way out. Pure. */
export function explain(said: string, program: string): { message: string; hint: string } {
  const message = `\`${program} system service\` did not start${said === '' ? '' : `: ${said}`}`;
  if (/newuidmap|newgidmap/.test(said)) {
    return {
      message,
      hint: 'install what maps ids for ordinary users: `sudo apt install uidmap` (elsewhere: shadow-utils)',
    };
  }
  if (/subuid|subgid|not enough.*ids|insufficient UIDs/i.test(said)) {
    return {
      message,
      hint: `give this user subordinate ids: \`${ADD_SUBORDINATE_IDS}\`, then \`podman system migrate\``,
    };
  }
  if (/OCI runtime|default OCI|runtime .*not (found|available)/i.test(said)) {
    return {
      message,
      hint: 'the option `ociRuntime` must name a runtime that Podman knows and that is installed',
    };
  }
  return { message, hint: `look at what \`${program} info\` says` };
}

/** Beside the user's own configuration: helpers of an exec are to end a second after it and not five minutes. */
function configuration(): Record<string, string> {
  const setting = '[engine]\nexit_command_delay = 1\n';
  const override = cachedFile('podman-*.conf', setting);
  if (override === undefined) return {};
  // Before 4.6 Podman knows no override, only a file in place of all others.
  const vendor = readText('/usr/share/containers/containers.conf');
  const own = [
    '/etc/containers/containers.conf',
    `${process.env.HOME ?? ''}/.config/containers/containers.conf`,
  ];
  const isOwn = process.env.CONTAINERS_CONF !== undefined || own.some((path) => readText(path) !== '');
  const text = /^\[engine\]$/m.test(vendor)
    ? vendor.replace(/^\[engine\]$/m, setting)
    : `${vendor}\n${setting}`;
  const whole = isOwn ? undefined : cachedFile('podman-*.conf', text);
  return { CONTAINERS_CONF_OVERRIDE: override, ...(whole !== undefined && { CONTAINERS_CONF: whole }) };
}

/** Its name has our process id in it, so that what a killed program has left can be told and removed. */
function makeDirectory(): string {
  const own = process.env.XDG_RUNTIME_DIR;
  let parent = tmpdir();
  try {
    if (own) {
      mkdirSync(join(own, PREFIX.slice(0, -1)), { mode: 0o700, recursive: true });
      parent = join(own, PREFIX.slice(0, -1));
    }
  } catch {
    // Not there, or not ours.
  }
  for (const name of readdirSync(parent)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    try {
      rmSync(join(parent, name), { recursive: true, force: true });
    } catch {
      // Another user's.
    }
  }
  return mkdtempSync(join(parent, `${PREFIX}${process.pid}-`));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function lastLines(path: string): string {
  return readText(path).trim().split('\n').slice(-3).join('; ').slice(0, 1000);
}
