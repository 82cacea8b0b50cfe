import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { SandboxError, withDeadline } from '@sandbox/core';

export interface CommandLineOptions {
  readonly runtime: string;
  /** A path, or a name on PATH. */
  readonly program: string;
  /** For each call of the contract that says nothing else. */
  readonly callMs: number;
  /** The whole environment that it is given. */
  environment(): NodeJS.ProcessEnv;
  /** What its words mean: `stderr` is what it said, nothing where it could not be started. */
  explain(cause: Error, stderr: string): SandboxError;
}

export interface ContractCall {
  readonly operation: string;
  readonly sandbox?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** @default the command line's own */
  readonly ms?: number | undefined;
  /** What the runtime is told to wait comes on top. */
  readonly graceMs?: number | undefined;
}

/** Answers are kept in memory up to here. */
const MOST_BYTES = 32 * 2 ** 20;

/** A runtime's command-line client, for an adapter that has nothing else to speak to it by. */
export class CommandLine {
  readonly program: string;
  readonly #options: CommandLineOptions;

  constructor(options: CommandLineOptions) {
    this.program = options.program;
    this.#options = options;
  }

  /** One call of the contract: its errors say of what, and it ends in time, whatever the runtime does. */
  async call<T>(call: ContractCall, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { runtime, callMs, explain } = this.#options;
    const request = { ...call, runtime, ms: (call.ms ?? callMs) + (call.graceMs ?? 0) };
    try {
      return await withDeadline(request, work);
    } catch (error) {
      const known = SandboxError.is(error) ? error : explain(error as Error, '');
      throw SandboxError.withContext(known, request);
    }
  }

  /** Runs it to its end; gives its stdout, or throws what it said. Ended with KILL when the signal fires: what waits for a service that hangs may not listen. */
  run(args: readonly string[], signal: AbortSignal, onLine?: (line: string) => void): Promise<string> {
    const { environment, explain } = this.#options;
    return new Promise((resolve, reject) => {
      const options = { env: environment(), maxBuffer: MOST_BYTES, killSignal: 'SIGKILL' } as const;
      const child = execFile(this.program, args, options, (error, stdout, stderr) => {
        signal.removeEventListener('abort', kill);
        if (error) reject(explain(error, stderr));
        else resolve(stdout);
      });
      // The `signal` of execFile ends it with TERM, whatever killSignal says.
      const kill = () => {
        child.kill('SIGKILL');
        // Whoever else has them open is not waited for.
        child.stdout?.destroy();
        child.stderr?.destroy();
      };
      if (signal.aborted) kill();
      else signal.addEventListener('abort', kill, { once: true });
      child.stdin?.end();
      if (onLine && child.stderr) createInterface(child.stderr).on('line', onLine);
    });
  }

  async json<T>(args: readonly string[], signal: AbortSignal): Promise<T> {
    const text = await this.run(args, signal);
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new SandboxError('UNKNOWN', `${this.program} ${args[0]} printed no JSON`, { cause });
    }
  }

  /** Starts it and leaves it to the caller. */
  spawn(args: readonly string[]): ChildProcessWithoutNullStreams {
    return spawn(this.program, args, { stdio: 'pipe', env: this.#options.environment() });
  }
}
