import { setTimeout as sleep } from 'node:timers/promises';
import type { DetachedRecord, GuestDetached, LogsSummary, Release } from '@sandbox/guest';
import { milliseconds } from '../command/command-request.ts';
import type {
  DetachedCommand,
  DetachedInfo,
  DetachedLogs,
  FollowSummary,
  OutputChunk,
} from '../command/detached.ts';
import { detachedInfo, lostResult } from '../command/detached-info.ts';
import { FollowedOutput } from '../command/followed-output.ts';
import { signalNumber } from '../command/signals.ts';
import type { CommandResult } from '../command/types.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import type { DetachedSession } from './detached-session.ts';

/** How often a wait begins again whose session did not last. */
const ATTEMPTS = 3;
const LASTING_MS = 1_000;
/** An engine may still call a sandbox running that is ending. */
const PAUSE_MS = 200;

/** A detached command by its id. */
export class DetachedHandle implements DetachedCommand {
  readonly id: string;
  readonly #session: DetachedSession;

  constructor(session: DetachedSession, id: string) {
    this.id = id;
    this.#session = session;
  }

  async inspect(): Promise<DetachedInfo> {
    return detachedInfo(await this.#session.ask('inspect', (detached) => detached.get(this.id)));
  }

  wait({ signal }: { readonly signal?: AbortSignal } = {}): Promise<CommandResult> {
    return this.#end('wait', (detached) => detached.wait(this.id, { signal }), signal);
  }

  async signal(name: string): Promise<void> {
    const number = signalNumber(name);
    await this.#session.ask('signal', (detached) => detached.signal(this.id, number), { repeatable: false });
  }

  async kill(options: { readonly graceMs?: number } = {}): Promise<CommandResult> {
    const graceMs = options.graceMs === undefined ? undefined : milliseconds('graceMs', options.graceMs, 0);
    return this.#end('kill', (detached) => detached.kill(this.id, { graceMs }));
  }

  logs(): Promise<DetachedLogs> {
    return this.#session.ask('logs', async (detached) => {
      const stdout = new Chunks();
      const stderr = new Chunks();
      const summary = await detached.logs(this.id, { onStdout: stdout.push, onStderr: stderr.push }).done;
      return logsOf(summary, stdout.bytes(), stderr.bytes());
    });
  }

  async *follow({
    signal,
  }: {
    readonly signal?: AbortSignal;
  } = {}): AsyncGenerator<OutputChunk, FollowSummary, undefined> {
    const output = new FollowedOutput(signal);
    const read = (detached: GuestDetached) => output.read(detached, this.id);
    const done = this.#session.ask('follow', read, { signal, repeatable: false });
    done.then(output.end, output.end);
    try {
      yield* output.chunks();
      const { stdoutMissed, stderrMissed } = await done;
      return { stdoutMissed, stderrMissed };
    } finally {
      output.stop();
    }
  }

  /** The end of a command that is known to have been there: what can no longer be asked is lost, not an error. */
  async #end(
    operation: string,
    ask: (detached: GuestDetached) => Promise<DetachedRecord>,
    signal?: AbortSignal,
  ): Promise<CommandResult> {
    for (let attempt = 1; ; attempt += 1) {
      const begin = performance.now();
      try {
        const record = await this.#session.ask(operation, ask, { signal });
        return detachedInfo(record).result ?? lostResult('its end was not told');
      } catch (error) {
        if (!SandboxError.is(error) || signal?.aborted) throw error;
        if (error.code === 'NOT_FOUND') return lostResult(error.message);
        // The command has outlived the session, as it should; but sessions that end at once are no way to wait.
        if (performance.now() - begin > LASTING_MS) attempt = 1;
        if (error.code !== 'UNAVAILABLE' || attempt >= ATTEMPTS) throw error;
        await sleep(PAUSE_MS * attempt, undefined, { signal });
      }
    }
  }
}

class Chunks {
  readonly #chunks: Uint8Array[] = [];

  readonly push = (chunk: Uint8Array, release: Release): void => {
    this.#chunks.push(chunk);
    release();
  };

  bytes(): Uint8Array {
    const [first] = this.#chunks;
    return this.#chunks.length === 1 && first !== undefined
      ? first
      : new Uint8Array(Buffer.concat(this.#chunks));
  }
}

function logsOf(summary: LogsSummary, stdoutBytes: Uint8Array, stderrBytes: Uint8Array): DetachedLogs {
  const decode = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  return {
    stdout: decode(stdoutBytes),
    stderr: decode(stderrBytes),
    stdoutBytes,
    stderrBytes,
    stdoutTruncated: summary.stdoutMissed > 0,
    stderrTruncated: summary.stderrMissed > 0,
    info: detachedInfo(summary),
  };
}
