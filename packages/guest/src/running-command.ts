import type { ExecRequest, ExecStatus, GuestCommand } from './command.ts';
import type { Connection } from './connection.ts';
import { encodeSize, execMessage, parseStatus } from './exec-message.ts';
import { CHANNEL } from './frames.ts';
import { guarded } from './guarded.ts';
import { GuestError } from './guest-error.ts';
import type { InboundSink } from './inbound-channel.ts';
import { encodeInteger, encodeMs, type Message, numberOf } from './message.ts';
import { brokenPipe, Request } from './request.ts';

/** One command, from its request to its reply. */
export class RunningCommand extends Request implements GuestCommand {
  readonly #connection: Connection;
  readonly #request: ExecRequest;
  readonly #done = Promise.withResolvers<ExecStatus>();
  readonly #startedAt = performance.now();
  #pid: PromiseWithResolvers<number> | undefined;
  #started = false;
  #exited = false;
  #settled = false;

  constructor(connection: Connection, request: ExecRequest) {
    super('exec');
    this.#connection = connection;
    this.#request = request;
    this.#done.promise.catch(() => {});
    this.#start();
  }

  get done(): Promise<ExecStatus> {
    return this.#done.promise;
  }

  get pid(): Promise<number> {
    if (this.#pid === undefined) {
      this.#makePid().reject(
        new GuestError(
          'FAILED_PRECONDITION',
          'the process id was not asked for: give `started` or `onStart`',
        ),
      );
    }
    return (this.#pid as PromiseWithResolvers<number>).promise;
  }

  write(chunk: Uint8Array | string): Promise<void> {
    if (this.stdin === undefined) {
      return Promise.reject(
        this.#settled ? brokenPipe() : new GuestError('FAILED_PRECONDITION', 'stdin is not a pipe'),
      );
    }
    return this.stdin.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  }

  end(): void {
    this.stdin?.end();
  }

  signal(signal: number): void {
    this.#connection.control(this, { control: 'signal', signal: encodeInteger(signal, 'signal', 1, 64) });
  }

  cancel(graceMs?: number): void {
    this.#connection.control(this, { control: 'cancel', graceMs: encodeMs(graceMs, 'graceMs') });
  }

  resize(rows: number, cols: number): void {
    this.#connection.control(this, { control: 'resize', ...encodeSize({ rows, cols }) });
  }

  closeStdout(): void {
    this.#connection.closeInbound(this, CHANNEL.stdout);
  }

  closeStderr(): void {
    this.#connection.closeInbound(this, CHANNEL.stderr);
  }

  override event(message: Message): void {
    if (message.event === 'started' && !this.#started) {
      this.#started = true;
      const pid = numberOf(message, 'pid');
      this.#pid?.resolve(pid);
      guarded(() => this.#request.onStart?.(pid));
    } else if (message.event === 'exited' && !this.#exited) {
      this.#exited = true;
      const status = parseStatus(message);
      guarded(() => this.#request.onExit?.(status));
    }
  }

  override reply(message: Message): void {
    this.#settle(parseStatus(message));
  }

  override fail(error: GuestError): void {
    this.#settled = true;
    this.#pid?.reject(error);
    this.#done.reject(error);
  }

  override lost(end: GuestError): void {
    this.#settle({
      exitCode: null,
      signal: null,
      cause: 'exit',
      oomKilled: false,
      lost: true,
      durationUs: Math.round((performance.now() - this.#startedAt) * 1_000),
      cpuUserUs: 0,
      cpuSystemUs: 0,
      peakMemoryBytes: 0,
      strays: 0,
      message: end.message,
    });
  }

  #start(): void {
    const request = this.#request;
    try {
      const message = execMessage(request);
      if (message.started === true) this.#makePid();
      this.#connection.start(this, message, {
        stdin: request.stdin === 'pipe',
        stdout: { sink: sinkOf(request.onStdout?.bind(request), request.onStdoutEnd?.bind(request)) },
        ...(request.terminal === undefined && {
          stderr: { sink: sinkOf(request.onStderr?.bind(request), request.onStderrEnd?.bind(request)) },
        }),
      });
    } catch (error) {
      this.fail(error as GuestError);
    }
  }

  #settle(status: ExecStatus): void {
    this.#settled = true;
    this.#pid?.reject(
      new GuestError('NOT_FOUND', status.message ?? 'the command did not start', { operation: 'exec' }),
    );
    this.#done.resolve(status);
  }

  #makePid(): PromiseWithResolvers<number> {
    this.#pid = Promise.withResolvers<number>();
    this.#pid.promise.catch(() => {});
    return this.#pid;
  }
}

function sinkOf(
  chunk: InboundSink['chunk'] | undefined,
  end: (() => void) | undefined,
): InboundSink | undefined {
  if (chunk === undefined && end === undefined) return undefined;
  return { chunk: chunk ?? ((_bytes, release) => release()), end: end ?? (() => {}) };
}
