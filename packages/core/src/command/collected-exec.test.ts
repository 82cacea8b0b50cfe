import type { ExecRequest, ExecStatus, GuestSession } from '@sandbox/guest';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CollectedExec } from './collected-exec.ts';
import { RunningCommands } from './running-commands.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** What the agent itself gives a tree that does not end: `killLimit`. */
const KILL_LIMIT_MS = 10_000;
const LOST: ExecStatus = {
  ...{ exitCode: null, signal: null, cause: 'timeout', oomKilled: false, lost: true, strays: 0 },
  ...{ durationUs: 0, cpuUserUs: 0, cpuSystemUs: 0, peakMemoryBytes: 0 },
};

/** A session with one command, whose end is for the test to say. */
function session() {
  const done = Promise.withResolvers<ExecStatus>();
  const closed = vi.fn();
  let request: ExecRequest | undefined;
  const guest = {
    exec: (asked: ExecRequest) => {
      request = asked;
      return { done: done.promise, cancel() {} };
    },
    close: closed,
  } as unknown as GuestSession;
  return { guest, closed, done, exited: () => request?.onExit?.(LOST) };
}

const start = (guest: GuestSession, timeoutMs: number) =>
  new CollectedExec(guest, { argv: ['x'], timeoutMs }, {}, 100, new RunningCommands()).result();

it('believes an agent that takes all its time to kill', async () => {
  const { guest, closed, done, exited } = session();
  const result = start(guest, 1_000);
  await vi.advanceTimersByTimeAsync(1_000 + KILL_LIMIT_MS + 1_000);
  exited();
  await vi.advanceTimersByTimeAsync(KILL_LIMIT_MS + 60_000);
  expect(closed).not.toHaveBeenCalled();
  done.resolve(LOST);
  expect((await result).ending).toBe('lost');
});

it('drops an agent that keeps to no timeout', async () => {
  const { guest, closed, done } = session();
  const result = start(guest, 1_000);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(closed).toHaveBeenCalled();
  done.resolve(LOST);
  await result;
});
