import type { GuestSession } from '@sandbox/guest';
import type { RuntimeAdapter, SandboxInfo, SandboxState, SandboxStats } from '../adapter/adapter.ts';
import { RunningCommands } from '../command/running-commands.ts';
import type { ErrorContext } from '../errors/error-context.ts';
import { toSandboxError } from '../errors/guest-errors.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { inspectOrMissing } from '../lifecycle/homes.ts';
import type { ReportResult } from '../policy/enforcement-report.ts';
import type { EnforcementReport, Lifecycle } from '../policy/policy.ts';
import { type GuestUser, parseUser } from '../policy/user.ts';
import type { Services } from '../services/services.ts';
import { Sessions } from './sessions.ts';

/** Often enough for cleanup, which counts in days. */
const TOUCH_MS = 60_000;

export type GuestState = SandboxState | 'closed' | 'removed';

/** What a handle is made of. */
export interface GuestParts {
  readonly services: Services;
  readonly adapter: RuntimeAdapter;
  readonly name: string;
  readonly lifecycle: Lifecycle;
  readonly workdir: string;
  readonly state: SandboxState;
  /** Whether volumes belong to it; looking for some that cannot be there costs a call. */
  readonly hasVolumes: boolean;
  /** Refuses what has its name by now where that is another user's. Undefined: nobody else can have one of that name. */
  checkOwner?(operation: string): Promise<void>;
  /** Whether it may be entered as root. */
  readonly allowRoot: boolean;
  /** Ids of the sandbox's own user, where they are known. */
  readonly identity?: GuestUser | undefined;
  /** For detached commands, which a long-lived sandbox's main process keeps. */
  readonly initKey?: string | undefined;
  /** Brings it to `running`, and returns its session where that runs on the main process. */
  start(guest: SandboxGuest): Promise<GuestSession | undefined>;
  /** Asks the runtime, and reports what it says of what is enforced, where nothing better is known. Default: `adapter.inspect`. */
  inspect?(guest: SandboxGuest): Promise<SandboxInfo | undefined>;
  /** One more session in the running sandbox. With `revive`, one that has stopped since is started again. */
  openSession(user: GuestUser | undefined, guest: SandboxGuest, revive: boolean): Promise<GuestSession>;
}

export interface UseOptions {
  readonly user?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly revive?: boolean | undefined;
}

/** A sandbox as one handle sees it: its state, its sessions and the commands in them. */
export class SandboxGuest {
  readonly services: Services;
  readonly adapter: RuntimeAdapter;
  readonly name: string;
  readonly lifecycle: Lifecycle;
  readonly workdir: string;
  readonly hasVolumes: boolean;
  readonly running = new RunningCommands();
  readonly context: Omit<ErrorContext, 'operation'>;
  runtimeReason = 'it has the sandbox';
  enforcement: EnforcementReport = {};
  warnings: readonly string[] = [];
  readonly #parts: GuestParts;
  readonly #sessions: Sessions;
  #state: GuestState;
  #starting: Promise<void> | undefined;
  #wasEntered = false;
  /** Long ago: the first command says so. */
  #touchedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: GuestParts) {
    this.services = parts.services;
    this.adapter = parts.adapter;
    this.name = parts.name;
    this.lifecycle = parts.lifecycle;
    this.workdir = parts.workdir;
    this.hasVolumes = parts.hasVolumes;
    this.context = { runtime: parts.adapter.runtime, sandbox: parts.name };
    this.#parts = parts;
    this.#state = parts.state;
    this.#sessions = new Sessions((user, revive) => this.#open(user, revive), this.context);
  }

  get state(): GuestState {
    return this.#state;
  }

  get initKey(): string | undefined {
    return this.#parts.initKey;
  }

  /** Success when it runs; calls at the same time are one. */
  async start(): Promise<void> {
    if (this.#state === 'running') return;
    if (this.#state !== 'created' && this.#state !== 'stopped') throw this.#notRunning('start');
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    await this.#starting;
  }

  session(
    user: GuestUser | undefined,
    signal: AbortSignal | undefined,
    revive = true,
  ): GuestSession | Promise<GuestSession> {
    return this.#sessions.get(user, signal, revive);
  }

  /**
   * Does something in a session. Where the session turns out to have ended before the command could be sent, and the
   * sandbox lives on, it is done once more in a new one. With `revive: false` a sandbox that was stopped is left so.
   */
  async use<T>(
    options: UseOptions,
    repeatable: boolean,
    work: (session: GuestSession) => Promise<T>,
  ): Promise<T> {
    const user = options.user === undefined ? undefined : this.#checkUser(options.user);
    this.#touchSometimes();
    const session = await this.session(user, options.signal, options.revive);
    try {
      return await work(session);
    } catch (error) {
      const again = repeatable && this.lifecycle === 'long-lived' && wasNotSent(error);
      if (!again || this.#state !== 'running') throw error;
      await session.close();
      return work(await this.session(user, options.signal, options.revive));
    }
  }

  async inspect(): Promise<SandboxInfo> {
    const { adapter, name, lifecycle, services } = this;
    const known = await this.#parts.inspect?.(this);
    if (known !== undefined) return known;
    if (lifecycle === 'ephemeral') return adapter.inspect(name);
    return inspectOrMissing(adapter, name, await services.registry.get(name), {});
  }

  async stats(): Promise<SandboxStats> {
    try {
      const session = await this.session(undefined, undefined);
      const { cpuUs, ...rest } = await session.stats();
      return { ...rest, cpuMs: cpuUs === null ? null : cpuUs / 1000 };
    } catch (error) {
      throw this.error(error, 'stats');
    }
  }

  /** Names are used again: what is done by name must not befall another user's sandbox. */
  async checkOwner(operation: string): Promise<void> {
    await this.#parts.checkOwner?.(operation);
  }

  /** Ends the sessions and their commands; the sandbox may be started again. */
  async halt(): Promise<void> {
    if (this.#state === 'running' || this.#state === 'paused') this.#state = 'stopped';
    await this.#sessions.reset();
  }

  /** Ends the sessions and their commands for good. */
  async close(state: 'closed' | 'removed' = 'closed'): Promise<void> {
    if (this.#state !== 'removed') this.#state = state;
    await this.#sessions.close();
  }

  /** Remembers that it was used. What the registry says against it is no reason to fail. */
  async touch(): Promise<void> {
    this.#touchedAt = performance.now();
    const { now, boot } = this.services.clock();
    await this.services.registry.touch(this.name, now, boot).catch(() => {});
  }

  /** Takes the outcome of a comparison. */
  report({ report, warnings }: ReportResult): void {
    this.enforcement = report;
    this.warnings = [...new Set([...this.warnings, ...warnings])];
  }

  error(error: unknown, operation: string, signal?: AbortSignal): SandboxError {
    return toSandboxError(error, { ...this.context, operation }, signal);
  }

  async #start(): Promise<void> {
    const session = await this.#parts.start(this);
    if (this.#state === 'closed' || this.#state === 'removed') {
      await session?.close();
      throw this.#notRunning('start');
    }
    if (session !== undefined) this.#sessions.adopt(session);
    this.#state = 'running';
  }

  async #open(user: GuestUser | undefined, revive: boolean): Promise<GuestSession> {
    if (this.#state !== 'running') throw this.#notRunning('exec');
    // Just then it was looked at; where a session has ended, its sandbox may have as well.
    if (this.#wasEntered) await this.checkOwner('exec');
    this.#wasEntered = true;
    return this.#parts.openSession(user, this, revive);
  }

  #checkUser(text: string): GuestUser | undefined {
    const user = parseUser(text);
    const { identity, allowRoot } = this.#parts;
    if (identity !== undefined && user.uid === identity.uid && user.gid === identity.gid) return undefined;
    if (user.uid !== 0 || allowRoot) return user;
    throw new SandboxError('FAILED_PRECONDITION', 'this sandbox cannot be entered as root', {
      ...this.context,
      operation: 'exec',
      hint: 'Whether it may is decided when it is made: `--allow-root` (allowRoot in the policy), and `--recreate` for one that is there.',
    });
  }

  #notRunning(operation: string): SandboxError {
    const state = this.#state;
    const context = { ...this.context, operation };
    if (state === 'removed' || state === 'closed') {
      const hint = 'Open or create it again.';
      return new SandboxError('FAILED_PRECONDITION', `the handle was ${state}`, { ...context, hint });
    }
    if (state !== 'created' && state !== 'stopped') return unusable(state, context);
    const hint = 'Call start() first.';
    return new SandboxError('FAILED_PRECONDITION', `the sandbox is ${state}`, { ...context, hint });
  }

  #touchSometimes(): void {
    if (this.lifecycle === 'long-lived' && performance.now() - this.#touchedAt > TOUCH_MS) void this.touch();
  }
}

/** For a sandbox in a state that nothing of ours leads out of. */
export function unusable(state: SandboxState, context: ErrorContext): SandboxError {
  const hint =
    state === 'missing'
      ? `Only its home is left: open its workspace to have it made again (\`sandbox exec --workspace DIR\`), or remove it: \`sandbox rm ${context.sandbox}\`.`
      : `Wait for it, or remove it: \`sandbox rm ${context.sandbox}\`.`;
  return new SandboxError('FAILED_PRECONDITION', `the sandbox is ${state}`, { ...context, hint });
}

/** The session had ended before: nothing was run. A command whose session ends under it is a result, `lost`. */
function wasNotSent(error: unknown): boolean {
  return SandboxError.is(error) && error.code === 'UNAVAILABLE' && !('result' in error);
}
