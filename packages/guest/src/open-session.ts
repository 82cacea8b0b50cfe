import { Connection } from './connection.ts';
import { KIND } from './frames.ts';
import { createGuestDetached } from './guest-detached.ts';
import { call, createGuestFiles } from './guest-files.ts';
import { encodeHello, newKey, parseHello } from './hello.ts';
import { Liveness } from './liveness.ts';
import { invalid, numberOrNull } from './message.ts';
import { RunningCommand } from './running-command.ts';
import type { AgentHello, GuestSession, SessionOptions } from './session.ts';
import { TagStream } from './tag-stream.ts';
import type { Transport } from './transport.ts';

/**
 * Greets the agent at the other end of a transport, which belongs to the session from here on: when this rejects, it
 * was destroyed. Rejects with `UNAVAILABLE`, `UNKNOWN` or `UNSUPPORTED` where no agent answers that can be spoken to
 * (the message shows what came instead), `DEADLINE_EXCEEDED`, or the signal's reason.
 */
export async function openSession(transport: Transport, options: SessionOptions = {}): Promise<GuestSession> {
  const { signal, helloTimeoutMs = 30_000, heartbeatMs = 10_000, lostAfterMs = 30_000 } = options;
  try {
    checkTimes({ helloTimeoutMs, heartbeatMs, lostAfterMs });
  } catch (error) {
    transport.destroy();
    throw error;
  }
  const key = newKey();
  let hello: AgentHello | undefined;
  const connection = new Connection(transport, new TagStream(key), (message) => {
    const parsed = parseHello(message);
    hello = parsed.hello;
    return parsed;
  });
  const timer = setTimeout(() => {
    const seconds = Math.round(helloTimeoutMs / 100) / 10;
    connection.lose('DEADLINE_EXCEEDED', `nothing that is a greeting came within ${seconds} s`);
  }, helloTimeoutMs);
  const abort = (): void => connection.finish('closed');
  signal?.addEventListener('abort', abort, { once: true });
  try {
    if (signal?.aborted) abort();
    connection.writer.message(KIND.hello, 0, encodeHello(key, Math.ceil(heartbeatMs)));
    await connection.opened;
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
  watchLiveness(connection, { heartbeatMs, lostAfterMs });
  return sessionOver(connection, hello as AgentHello);
}

/** A session's times have bounds that are the agent's too. */
function checkTimes(times: Readonly<Record<string, number>>): void {
  for (const [name, ms] of Object.entries(times)) {
    const most = name === 'heartbeatMs' ? 60_000 : 2 ** 31 - 1;
    if (!(ms >= 10 && ms <= most)) throw invalid(`${name} is ${ms}, not a number from 10 to ${most}`);
  }
}

function watchLiveness(connection: Connection, times: { heartbeatMs: number; lostAfterMs: number }): void {
  const liveness = new Liveness(connection, times, {
    ping: () => connection.writer.frame(KIND.ping, 0, 0),
    lost: (why) => connection.lose('UNAVAILABLE', `the agent ${why}`),
  });
  void connection.ended.then(() => liveness.stop());
}

function sessionOver(connection: Connection, hello: AgentHello): GuestSession {
  return {
    hello,
    get running() {
      return connection.running;
    },
    exec: (request) => new RunningCommand(connection, request),
    ping: () => connection.ping(),
    files: createGuestFiles(connection),
    detached: (key) => createGuestDetached(connection, key),
    stats: ({ signal } = {}) =>
      call(
        connection,
        'stats',
        () => ({}),
        (message) => ({
          memoryBytes: numberOrNull(message, 'memoryBytes'),
          memoryLimitBytes: numberOrNull(message, 'memoryLimitBytes'),
          pids: numberOrNull(message, 'pids'),
          cpuUs: numberOrNull(message, 'cpuUs'),
        }),
        signal,
      ),
    close: () => connection.close(),
    closed: connection.ended,
    [Symbol.asyncDispose]: () => connection.close(),
  };
}
