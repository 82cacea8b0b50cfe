import type { GuestSession } from '@sandbox/guest';
import type { SandboxStats } from '../adapter/adapter.ts';
import { prepareSpawn, type StartedCommand } from '../command/command.ts';
import { type CommandContext, milliseconds } from '../command/command-request.ts';
import type { DetachedCommand, DetachOptions } from '../command/detached.ts';
import { prepareExec } from '../command/exec.ts';
import { createShell } from '../command/shell.ts';
import type { Command, ExecOptions, ExecResult, Shell, SpawnOptions } from '../command/types.ts';
import { DetachedCommands } from '../detached/detached-commands.ts';
import { DetachedSession } from '../detached/detached-session.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { checkEnabled } from '../launch/caller.ts';
import { removeSandbox } from '../launch/launch.ts';
import type { Operation } from '../monitoring/execution.ts';
import type { Observation } from '../monitoring/observer.ts';
import { purposeOf } from '../monitoring/purpose.ts';
import type { EnforcementReport } from '../policy/policy.ts';
import type { SandboxFiles } from '../transfer/files.ts';
import { SandboxFilesOverSession } from '../transfer/guest-files.ts';
import { detailsOf } from './details.ts';
import { restrict } from './restricted.ts';
import type { SandboxGuest } from './sandbox-guest.ts';
import type { RestrictedSandbox, Sandbox, SandboxDetails } from './types.ts';

const DEFAULT_GRACE_MS = 10_000;

/** How a handle came to be, which decides what its end means for the sandbox. */
export type Origin = 'created' | 'opened' | 'found';

/** The handle that users hold. What happens in the guest is `SandboxGuest`'s business, this one has the lifecycle. */
export class SandboxHandle implements Sandbox {
  readonly name: string;
  readonly runtime: string;
  readonly lifecycle: 'ephemeral' | 'long-lived';
  readonly workdir: string;
  readonly files: SandboxFiles;
  readonly shell: Shell;
  readonly commands: DetachedCommands;
  readonly #detached: DetachedSession;
  readonly #guest: SandboxGuest;
  readonly #origin: Origin;
  readonly #context: CommandContext;
  #removed: Promise<void> | undefined;

  constructor(guest: SandboxGuest, origin: Origin, context: CommandContext) {
    this.#guest = guest;
    this.#origin = origin;
    this.#context = context;
    this.name = guest.name;
    this.runtime = guest.adapter.runtime;
    this.lifecycle = guest.lifecycle;
    this.workdir = guest.workdir;
    this.files = new SandboxFilesOverSession({
      context: guest.context,
      session: (signal) => guest.session(undefined, signal),
    });
    this.shell = createShell((command, options) => this.exec(command, options));
    this.#detached = new DetachedSession(guest);
    this.commands = new DetachedCommands(this.#detached, context);
    guest.services.held.add(this);
  }

  get runtimeReason(): string {
    return this.#guest.runtimeReason;
  }

  get enforcement(): EnforcementReport {
    return this.#guest.enforcement;
  }

  get warnings(): readonly string[] {
    return this.#guest.warnings;
  }

  get timeoutMs(): number | null {
    const { timeoutMs, maxTimeoutMs } = this.#context;
    return maxTimeoutMs === undefined ? timeoutMs : Math.min(timeoutMs ?? maxTimeoutMs, maxTimeoutMs);
  }

  exec(command: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return this.execAs('exec', command, options);
  }

  /** As a part of that call. */
  async execAs(
    operation: 'exec' | 'run',
    command: readonly string[],
    options: ExecOptions,
  ): Promise<ExecResult> {
    const observation = this.#observe(operation, command, options);
    try {
      checkEnabled(this.#guest.services.settings, 'exec');
      const prepared = prepareExec(command, options, this.#context);
      const repeatable = options.stdin === undefined || typeof options.stdin === 'string';
      const run = (session: GuestSession) => prepared.run(session, this.#guest.running);
      const result = await this.#guest.use(options, repeatable, run);
      observation?.ended(result, result);
      return result;
    } catch (error) {
      observation?.failed(error, options.signal);
      throw error;
    }
  }

  spawn(command: readonly string[], options: DetachOptions): Promise<DetachedCommand>;
  spawn(command: readonly string[], options?: SpawnOptions): Promise<Command>;
  async spawn(
    command: readonly string[],
    options: SpawnOptions | DetachOptions = {},
  ): Promise<Command | DetachedCommand> {
    const signal = options.detached ? undefined : options.signal;
    const observation = this.#observe(options.detached ? 'detached' : 'spawn', command, options);
    try {
      checkEnabled(this.#guest.services.settings, 'spawn');
      const started = await this.#start(command, options);
      if ('id' in started) observation?.left();
      else if (observation) watch(started, observation, signal);
      return started;
    } catch (error) {
      observation?.failed(error, signal);
      throw error;
    }
  }

  async start(): Promise<void> {
    checkEnabled(this.#guest.services.settings, 'start');
    return this.#guest.start();
  }

  async stop(options: { graceMs?: number } = {}): Promise<void> {
    const graceMs = milliseconds('graceMs', options.graceMs ?? DEFAULT_GRACE_MS, 0);
    await Promise.all([this.#guest.running.end(graceMs), this.#detached.endAll(graceMs)]);
    await this.#guest.halt();
    await this.#end('stop');
  }

  kill(): Promise<void> {
    return this.#end('kill');
  }

  remove(): Promise<void> {
    this.#removed ??= this.#remove().catch((error) => {
      this.#removed = undefined;
      throw error;
    });
    return this.#removed;
  }

  async inspect(): Promise<SandboxDetails> {
    const { adapter, name, services } = this.#guest;
    const [info, record] = await Promise.all([this.#guest.inspect(), services.registry.get(name)]);
    return detailsOf(services, adapter, info, record, this.#guest.enforcement);
  }

  /** The runtime's own count where it has one, else the guest's. */
  async stats(): Promise<SandboxStats> {
    const { adapter, name } = this.#guest;
    try {
      return await adapter.stats(name);
    } catch (error) {
      if (!SandboxError.is(error) || error.code !== 'UNSUPPORTED') throw this.#guest.error(error, 'stats');
      return this.#guest.stats();
    }
  }

  async close(): Promise<void> {
    if (this.lifecycle === 'ephemeral' && this.#origin === 'created') return this.remove();
    this.#guest.services.held.delete(this);
    await this.#guest.close();
    await this.#guest.touch();
  }

  restricted(): RestrictedSandbox {
    return restrict(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#origin === 'created' ? this.remove() : this.close();
  }

  #start(
    command: readonly string[],
    options: SpawnOptions | DetachOptions,
  ): Promise<StartedCommand | DetachedCommand> {
    if (options.detached === true) return this.commands.start(command, options);
    const prepared = prepareSpawn(command, options, this.#context);
    return this.#guest.use(options, true, (session) => prepared.start(session, this.#guest.running));
  }

  #observe(
    operation: Operation,
    argv: readonly string[],
    options: Pick<SpawnOptions, 'env' | 'purpose' | 'terminal'>,
  ): Observation | undefined {
    const { user = null, purpose } = this.#context;
    return this.#guest.services.observer?.begin(operation, {
      ...{ user, argv, env: options.env ?? null, terminal: Boolean(options.terminal) },
      ...{ runtime: this.runtime, sandbox: this.name, lifecycle: this.lifecycle },
      ...purposeOf(purpose, options.purpose),
    });
  }

  async #end(verb: 'stop' | 'kill'): Promise<void> {
    const { adapter, name, lifecycle, state } = this.#guest;
    if (state === 'missing') return;
    try {
      await this.#guest.checkOwner(verb);
      await adapter[verb](name);
    } catch (error) {
      throw this.#guest.error(error, verb);
    }
    // After a kill the sessions have ended by themselves.
    await this.#guest.halt();
    if (lifecycle === 'ephemeral') return this.remove();
    await this.#guest.touch();
  }

  async #remove(): Promise<void> {
    const { adapter, name, services } = this.#guest;
    try {
      await this.#guest.checkOwner('remove');
    } catch (error) {
      throw this.#guest.error(error, 'remove');
    }
    await this.#guest.close('removed');
    try {
      await removeSandbox(services, adapter, name, { volumes: this.#guest.hasVolumes });
    } catch (error) {
      throw this.#guest.error(error, 'remove');
    }
    services.held.delete(this);
  }
}

/** Tells how it ended, whenever it does. */
function watch(command: StartedCommand, observation: Observation, signal: AbortSignal | undefined): void {
  command.wait().then(
    (result) => observation.ended(result, command),
    (error) => observation.failed(error, signal),
  );
}
