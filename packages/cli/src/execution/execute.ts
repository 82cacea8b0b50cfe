import type { Command, CommandResult, EnforcementReport, Sandbox } from '@sandbox/core';
import type { CliIo } from '../cli-io.ts';
import { feedStdin } from './feed-stdin.ts';
import type { Outputs } from './outputs.ts';
import { type StopSignal, watchStopSignals } from './stop-signals.ts';
import { handOverTerminal, terminalSize } from './terminal.ts';

/** How long a command may take to end after the first Ctrl-C or SIGTERM. */
const GRACE_MS = 10_000;

/** The command itself, wherever it runs. */
export interface ExecutionRequest {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Where it starts, if not where the sandbox's commands do. */
  readonly cwd?: string | undefined;
  /** Whom it runs as, if not the sandbox's own user. */
  readonly user?: string | undefined;
  readonly tty: boolean;
}

export interface Execution {
  readonly io: CliIo;
  readonly outputs: Outputs;
  /** That was asked for, null for none. */
  readonly timeoutMs: number | null | undefined;
  /** Makes, opens or finds the sandbox. What is made for this command is removed after it, everything else stays. */
  readonly obtain: (signal: AbortSignal) => Promise<Sandbox>;
  /** The sandbox is there, the command has not started. */
  readonly onReady: (sandbox: Sandbox) => void;
}

export interface Outcome {
  readonly runtime: string;
  readonly runtimeReason: string;
  readonly sandbox: string;
  readonly enforcement: EnforcementReport;
  readonly warnings: readonly string[];
  readonly result: CommandResult;
  readonly stoppedBy: StopSignal | undefined;
}

/** A signal ended the run before there was a command. */
export class StoppedEarly extends Error {
  readonly signal: StopSignal;
  constructor(signal: StopSignal) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

/**
 * One command in a sandbox, with our streams as its streams. The first stop signal is passed on to the command; the
 * second, or the grace's end, kills it; a third stops waiting, and leaves the rest to the runtime, which removes the sandbox of a
 * dead owner by itself.
 */
export async function execute(request: ExecutionRequest, setting: Execution): Promise<Outcome> {
  const stop = new Stop();
  using _watch = watchStopSignals(setting.io.signals, (signal) => stop.heard(signal));
  return await Promise.race([executeUntilEnd(request, setting, stop), stop.impatient.promise]);
}

async function executeUntilEnd(request: ExecutionRequest, setting: Execution, stop: Stop): Promise<Outcome> {
  const sandbox = await stop.orEarly(() => setting.obtain(stop.starting.signal));
  const warnings: string[] = [...sandbox.warnings];
  let result: CommandResult;
  try {
    setting.onReady(sandbox);
    result = await runCommand(sandbox, request, setting, stop);
  } catch (error) {
    await letGo(sandbox).catch(() => {});
    throw error;
  }
  await letGo(sandbox).catch((error: Error) => {
    const what = sandbox.lifecycle === 'ephemeral' ? 'removed' : 'left';
    warnings.push(`the sandbox ${sandbox.name} could not be ${what}: ${error.message}`);
  });
  return {
    runtime: sandbox.runtime,
    runtimeReason: sandbox.runtimeReason,
    sandbox: sandbox.name,
    enforcement: sandbox.enforcement,
    warnings: [...new Set([...warnings, ...result.warnings])],
    result,
    stoppedBy: stop.signal,
  };
}

/** Removes what was made for us, and closes our session in anything else. */
async function letGo(sandbox: Sandbox): Promise<void> {
  await sandbox[Symbol.asyncDispose]();
}

async function runCommand(
  sandbox: Sandbox,
  request: ExecutionRequest,
  setting: Execution,
  stop: Stop,
): Promise<CommandResult> {
  const { io, outputs } = setting;
  const command = await stop.orEarly(() =>
    sandbox.spawn(request.command, {
      env: request.env,
      cwd: request.cwd,
      user: request.user,
      stdin: 'pipe',
      timeoutMs: timeoutOf(request, setting, sandbox),
      signal: stop.starting.signal,
      ...(request.tty && { terminal: terminalSize(io) }),
    }),
  );
  stop.command = command;
  using _terminal = request.tty ? handOverTerminal(io, command) : undefined;
  const stdin = feedStdin(io.stdin, command.stdin);
  const flowing = Promise.all([outputs.stdout(command.stdout), outputs.stderr(command.stderr)]);
  // What was printed cannot be delivered (a full disk, say): there is no point in going on.
  flowing.catch(() => command.kill());
  try {
    const result = await command.wait();
    stdin.stop();
    await flowing;
    return result;
  } finally {
    stdin.stop();
    stop.ended();
  }
}

/** Somebody sits at a terminal, and ends what takes too long. */
function timeoutOf({ tty }: ExecutionRequest, { timeoutMs }: Execution, sandbox: Sandbox) {
  if (timeoutMs !== undefined) return timeoutMs;
  return tty ? undefined : sandbox.timeoutMs;
}

class Stop {
  /** The first stop signal that came. */
  signal: StopSignal | undefined;
  /** Fires when one comes before there is a command. */
  readonly starting = new AbortController();
  readonly impatient = Promise.withResolvers<never>();
  #command: Command | undefined;
  #heard = 0;
  #grace: NodeJS.Timeout | undefined;

  set command(command: Command) {
    this.#command = command;
  }

  heard(signal: StopSignal): void {
    this.#heard += 1;
    this.signal ??= signal;
    if (this.#heard > 2) this.impatient.reject(new StoppedEarly(this.signal));
    else if (this.#command === undefined) this.starting.abort();
    else if (this.#heard === 2) this.#kill();
    else this.#passOn(this.#command, signal);
  }

  ended(): void {
    clearTimeout(this.#grace);
  }

  /** What fails because a signal came is not a failure of the sandbox. */
  async orEarly<T>(start: () => Promise<T>): Promise<T> {
    try {
      return await start();
    } catch (error) {
      throw this.signal === undefined ? error : new StoppedEarly(this.signal);
    }
  }

  #passOn(command: Command, signal: StopSignal): void {
    command.signal(signal).catch(() => this.#kill());
    this.#grace = setTimeout(() => this.#kill(), GRACE_MS);
  }

  #kill(): void {
    this.#command?.kill().catch(() => {});
  }
}
