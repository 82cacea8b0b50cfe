import type { GuestCommand, GuestSession } from '@sandbox/guest';
import { GuestError } from '@sandbox/guest';
import { throwIfAborted } from '../errors/aborts.ts';
import type { ErrorContext } from '../errors/error-context.ts';
import { toSandboxError } from '../errors/guest-errors.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { type CommandContext, commandRequest, milliseconds } from './command-request.ts';
import { commandResult, type Stopped } from './command-result.ts';
import { OutputStream } from './output-stream.ts';
import type { RunningCommands } from './running-commands.ts';
import { signalNumber } from './signals.ts';
import type { ByteStream, Command, CommandResult, SpawnOptions } from './types.ts';

const DEFAULT_SIZE = { rows: 24, columns: 80 };

/** A spawn whose arguments are checked, ready for a session. */
export interface PreparedSpawn {
  /** Resolves once the command runs, or has failed to. */
  start(session: GuestSession, running: RunningCommands): Promise<StartedCommand>;
}

/** With how many bytes it has printed so far. */
export interface StartedCommand extends Command {
  readonly stdoutLength: number;
  readonly stderrLength: number;
}

/** Checks everything that can be known before a session is there. */
export function prepareSpawn(
  command: readonly string[],
  options: SpawnOptions,
  context: CommandContext,
): PreparedSpawn {
  const errors = { operation: 'spawn', runtime: context.runtime, sandbox: context.sandbox };
  const request = commandRequest(command, options, context, null);
  const terminal = terminalSize(options.terminal);
  throwIfAborted(options.signal, errors);
  return {
    async start(session, running) {
      throwIfAborted(options.signal, errors);
      const spawned = new SpawnedCommand(options, errors, running);
      await spawned.begin(session, {
        ...request,
        ...(terminal && { terminal, env: { TERM: context.term ?? 'xterm-256color', ...request.env } }),
        stdin: options.stdin === 'none' ? 'null' : 'pipe',
      });
      return spawned;
    },
  };
}

function terminalSize(terminal: SpawnOptions['terminal']): { rows: number; cols: number } | undefined {
  if (terminal === undefined || terminal === false) return undefined;
  return checkSize(terminal === true ? DEFAULT_SIZE : terminal);
}

function checkSize({ rows, columns }: { rows: number; columns: number }): { rows: number; cols: number } {
  if ([rows, columns].every((value) => Number.isInteger(value) && value > 0 && value <= 0xffff)) {
    return { rows, cols: columns };
  }
  throw new SandboxError('INVALID_ARGUMENT', `a terminal cannot have ${rows} rows and ${columns} columns`, {
    operation: 'spawn',
  });
}

type Request = Parameters<GuestSession['exec']>[0];

/** A command that runs on while its caller does other things. */
class SpawnedCommand implements StartedCommand {
  stdoutLength = 0;
  stderrLength = 0;
  readonly stdin: WritableStream<Uint8Array>;
  readonly #stdout = new OutputStream(() => this.#guest?.closeStdout());
  readonly #stderr = new OutputStream(() => this.#guest?.closeStderr());
  readonly #options: SpawnOptions;
  readonly #errors: ErrorContext;
  readonly #running: RunningCommands;
  readonly #pid = Promise.withResolvers<number | null>();
  #guest: GuestCommand | undefined;
  #result: Promise<CommandResult> | undefined;
  #stopped: Stopped;

  constructor(options: SpawnOptions, errors: ErrorContext, running: RunningCommands) {
    this.#options = options;
    this.#errors = errors;
    this.#running = running;
    this.stdin = new WritableStream<Uint8Array>({
      write: (chunk) => this.#write(chunk),
      close: () => this.#guest?.end(),
      abort: () => this.#guest?.end(),
    });
  }

  get pid(): Promise<number | null> {
    return this.#pid.promise;
  }

  get stdout(): ByteStream {
    return this.#stdout.stream;
  }

  get stderr(): ByteStream {
    return this.#stderr.stream;
  }

  /** Starts it, and rejects when it could not be run at all. */
  async begin(session: GuestSession, request: Request): Promise<void> {
    const guest = session.exec({
      ...request,
      onStart: (pid) => this.#pid.resolve(pid),
      onStdout: (chunk, release) => {
        this.stdoutLength += chunk.length;
        this.#stdout.push(chunk, release);
      },
      onStderr: (chunk, release) => {
        this.stderrLength += chunk.length;
        this.#stderr.push(chunk, release);
      },
      onStdoutEnd: () => this.#stdout.end(),
      onStderrEnd: () => this.#stderr.end(),
      onExit: () => {
        this.#stdout.loosen();
        this.#stderr.loosen();
      },
    });
    this.#guest = guest;
    this.#running.add(guest);
    this.#options.signal?.addEventListener('abort', this.#abort);
    this.#result = this.#watch(guest);
    this.#result.catch(() => {});
    await Promise.race([this.pid, this.#result]);
  }

  wait(): Promise<CommandResult> {
    return this.#result as Promise<CommandResult>;
  }

  async signal(signal: string): Promise<void> {
    this.#guest?.signal(signalNumber(signal));
  }

  kill(options: { graceMs?: number } = {}): Promise<CommandResult> {
    const graceMs = options.graceMs ?? this.#options.graceMs;
    this.#guest?.cancel(graceMs === undefined ? undefined : milliseconds('graceMs', graceMs, 0));
    return this.wait();
  }

  async resize(size: { rows: number; columns: number }): Promise<void> {
    const { rows, cols } = checkSize(size);
    this.#guest?.resize(rows, cols);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  readonly #abort = (): void => {
    this.#stopped ??= 'aborted';
    this.#guest?.cancel(this.#options.graceMs);
  };

  async #watch(guest: GuestCommand): Promise<CommandResult> {
    try {
      return commandResult(await guest.done, this.#stopped);
    } catch (error) {
      throw toSandboxError(error, this.#errors, this.#options.signal);
    } finally {
      this.#options.signal?.removeEventListener('abort', this.#abort);
      this.#running.delete(guest);
      this.#pid.resolve(null);
      // Also where a session was lost and no end of the streams was ever heard of.
      this.#stdout.end();
      this.#stderr.end();
    }
  }

  async #write(chunk: Uint8Array): Promise<void> {
    try {
      await this.#guest?.write(chunk);
    } catch (error) {
      if (GuestError.isGuestError(error) && error.errno === 'EPIPE') {
        throw new SandboxError('FAILED_PRECONDITION', 'the command reads no more', {
          ...this.#errors,
          cause: error,
        });
      }
      throw toSandboxError(error, this.#errors);
    }
  }
}
