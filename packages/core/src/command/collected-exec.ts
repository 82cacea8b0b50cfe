import type { ExecRequest, ExecStatus, GuestCommand, GuestSession } from '@sandbox/guest';
import { commandResult, type Stopped } from './command-result.ts';
import { OutputCollector } from './output-collector.ts';
import type { RunningCommands } from './running-commands.ts';
import { feedStdin, type StdinFeed } from './stdin-feed.ts';
import type { ExecOptions, ExecResult } from './types.ts';

/**
 * What the agent gets beyond a timeout before it is not believed any more: twice the 10 s that it gives itself to end a tree. Those can be needed: a process may be
 * held by a disk, or by a tracer in another command.
 */
const BACKSTOP_MS = 20_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** One command whose output is collected, from its start to its result. */
export class CollectedExec {
  readonly #session: GuestSession;
  readonly #request: ExecRequest;
  readonly #options: ExecOptions;
  readonly #stdout: OutputCollector;
  readonly #stderr: OutputCollector;
  readonly #running: RunningCommands;
  readonly #command: GuestCommand;
  readonly #feed: StdinFeed | undefined;
  #backstop: NodeJS.Timeout | undefined;
  #stopped: Stopped;
  /** What the caller's own stream or callback threw. */
  #failure: { readonly error: unknown } | undefined;

  constructor(
    session: GuestSession,
    request: ExecRequest,
    options: ExecOptions,
    maximum: number,
    running: RunningCommands,
  ) {
    this.#session = session;
    this.#request = request;
    this.#options = options;
    this.#running = running;
    this.#stdout = this.#collector(maximum, options.onStdout);
    this.#stderr = this.#collector(maximum, options.onStderr);
    this.#command = session.exec({
      ...request,
      stdin: options.stdin === undefined ? 'null' : 'pipe',
      onStdout: (chunk, release) => this.#stdout.push(chunk, release),
      onStderr: (chunk, release) => this.#stderr.push(chunk, release),
      onExit: (status) => this.#firstProcessEnded(status),
    });
    running.add(this.#command);
    if (options.stdin !== undefined) this.#feed = feedStdin(this.#command, options.stdin, this.#fail);
    if (request.timeoutMs !== undefined) this.#armBackstop(request.timeoutMs);
    options.signal?.addEventListener('abort', this.#abort);
  }

  async result(): Promise<ExecResult> {
    try {
      const status = await this.#command.done;
      clearTimeout(this.#backstop);
      // Those of the caller's callbacks that are still at work.
      if (this.#stdout.drained() !== undefined) await this.#stdout.drained();
      if (this.#stderr.drained() !== undefined) await this.#stderr.drained();
      if (this.#failure !== undefined) throw this.#failure.error;
      return this.#collect(status);
    } finally {
      clearTimeout(this.#backstop);
      this.#feed?.stop();
      this.#running.delete(this.#command);
      this.#options.signal?.removeEventListener('abort', this.#abort);
    }
  }

  #collect(status: ExecStatus): ExecResult {
    const [stdout, stderr] = [this.#stdout, this.#stderr];
    return {
      ...commandResult(status, this.#stopped),
      command: this.#request.argv as readonly string[],
      stdout: stdout.text(),
      stderr: stderr.text(),
      stdoutBytes: stdout.bytes(),
      stderrBytes: stderr.bytes(),
      stdoutTruncated: stdout.truncated,
      stderrTruncated: stderr.truncated,
      stdoutLength: stdout.length,
      stderrLength: stderr.length,
    };
  }

  #collector(maximum: number, onChunk: ExecOptions['onStdout']): OutputCollector {
    return new OutputCollector({
      maximum,
      onChunk,
      onLimit: () => {
        if (this.#options.onOutputLimit === 'kill') this.#stop('output-limit');
      },
      onError: this.#fail,
    });
  }

  readonly #abort = (): void => this.#stop('aborted');

  readonly #fail = (error: unknown): void => {
    this.#failure ??= { error };
    this.#stop('aborted');
  };

  #stop(why: Stopped): void {
    this.#stopped ??= why;
    this.#abandonCallbacks();
    this.#command.cancel(this.#options.graceMs);
  }

  /** A callback that does not return must not hold up the end of a command that is being killed. */
  #abandonCallbacks(): void {
    this.#stdout.abandon();
    this.#stderr.abandon();
  }

  #firstProcessEnded(status: ExecStatus): void {
    clearTimeout(this.#backstop);
    if (status.cause !== 'exit') this.#abandonCallbacks();
  }

  /** An agent that does not keep to a timeout is not the one that we sent: all that it says after that is worth nothing. */
  #armBackstop(timeoutMs: number): void {
    const wait = timeoutMs + (this.#request.graceMs ?? 0) + BACKSTOP_MS;
    if (wait > LONGEST_TIMER_MS) return;
    this.#backstop = setTimeout(() => {
      this.#abandonCallbacks();
      void this.#session.close();
    }, wait);
    this.#backstop.unref();
  }
}
