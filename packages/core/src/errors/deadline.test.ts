import { afterEach, expect, test, vi } from 'vitest';
import { abortError, deadline, withDeadline } from './deadline.ts';
import { SandboxError } from './sandbox-error.ts';

afterEach(() => {
  vi.useRealTimers();
});

const never = () => new Promise<never>(() => {});

test('work that is in time gives its result, and leaves no timer', async () => {
  vi.useFakeTimers();
  await expect(withDeadline({ ms: 1000, operation: 'create' }, async () => 7)).resolves.toBe(7);
  expect(vi.getTimerCount()).toBe(0);
});

test('work that ignores its signal still ends in time', async () => {
  vi.useFakeTimers();
  const result = withDeadline({ ms: 30_000, operation: 'create', runtime: 'docker' }, never);
  const expected = expect(result).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    operation: 'create',
    runtime: 'docker',
    message: 'create did not finish within 30s',
  });
  await vi.advanceTimersByTimeAsync(30_000);
  await expected;
});

test('a library’s own abort error is replaced by the reason', async () => {
  const controller = new AbortController();
  const result = withDeadline({ ms: 1000, operation: 'exec', signal: controller.signal }, (signal) => {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => reject(new Error('socket hang up')));
    return promise;
  });
  controller.abort('user pressed a key');
  await expect(result).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    cause: 'user pressed a key',
    operation: 'exec',
  });
});

test('an error of the work itself passes', async () => {
  const failure = new Error('no such image');
  await expect(withDeadline({ ms: 1000, operation: 'pull' }, () => Promise.reject(failure))).rejects.toBe(
    failure,
  );
});

test('nothing is started when the signal has fired already', async () => {
  const work = vi.fn(async () => 1);
  const signal = AbortSignal.abort();
  await expect(withDeadline({ ms: 1000, operation: 'start', signal }, work)).rejects.toMatchObject({
    operation: 'start',
  });
  expect(work).not.toHaveBeenCalled();
});

test('an abort whose reason is our own error is that error', () => {
  const reason = new SandboxError('UNAVAILABLE', 'closing');
  expect(abortError(AbortSignal.abort(reason), 'exec')).toBe(reason);
});

test('a disposed deadline never fires and does not listen', () => {
  vi.useFakeTimers();
  const controller = new AbortController();
  const limit = deadline(controller.signal, 10, 'stop');
  limit[Symbol.dispose]();
  vi.advanceTimersByTime(100);
  controller.abort();
  expect(limit.signal.aborted).toBe(false);
});
