import { PassThrough } from 'node:stream';
import type { Command, CommandResult, Sandbox, SpawnOptions } from '@sandbox/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CapturedIo, capturedIo } from '../../test/captured-io.ts';
import { type Execution, type ExecutionRequest, execute, StoppedEarly } from './execute.ts';
import { CollectedOutputs } from './outputs.ts';

const request: ExecutionRequest = { command: ['true'], env: {}, tty: false };

const result = (given: Partial<CommandResult>): CommandResult => ({
  ending: 'exited',
  exitCode: 0,
  signal: null,
  durationMs: 1,
  usage: { cpuMs: 1, peakMemoryBytes: 1 },
  warnings: [],
  ...given,
});

/** A command that ends when the test says so, and what was asked of it and of its sandbox, in order. */
function fake(io: CapturedIo, given: { create?: () => Promise<void>; remove?: () => Promise<void> } = {}) {
  const calls: string[] = [];
  const timeouts: (number | null | undefined)[] = [];
  const ended = Promise.withResolvers<CommandResult>();
  const empty = () => new ReadableStream({ start: (controller) => controller.close() });
  const command = {
    stdin: new WritableStream(),
    resize: async () => {},
    stdout: empty(),
    stderr: empty(),
    wait: () => ended.promise,
    signal: async (signal: string) => void calls.push(signal),
    kill: async () => {
      calls.push('kill');
      ended.resolve(result({ ending: 'signaled', exitCode: null, signal: 'SIGKILL' }));
      return ended.promise;
    },
  } as unknown as Command;
  const sandbox = {
    name: 'sandbox-run-1',
    runtime: 'fake',
    warnings: ['from the sandbox'],
    enforcement: {},
    timeoutMs: 1234,
    spawn: async (_: readonly string[], { timeoutMs }: SpawnOptions) => {
      calls.push('spawn');
      timeouts.push(timeoutMs);
      return command;
    },
    lifecycle: 'ephemeral',
    [Symbol.asyncDispose]: async () => {
      calls.push('remove');
      await given.remove?.();
    },
  } as unknown as Sandbox;
  const setting: Execution = {
    io,
    outputs: new CollectedOutputs(),
    timeoutMs: undefined,
    obtain: async (signal) => {
      calls.push('create');
      signal.addEventListener('abort', () => calls.push('abort'));
      await given.create?.();
      if (signal.aborted) throw new Error('aborted');
      return sandbox;
    },
    onReady: () => void calls.push('ready'),
  };
  return { setting, calls, timeouts, end: ended.resolve };
}

const running = async (calls: readonly string[]) => {
  while (!calls.includes('spawn')) await Promise.resolve();
  // The command is known once what spawn returned has been looked at.
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
};

describe('execute', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('removes the sandbox of a command that has ended, and tells all warnings once', async () => {
    const io = capturedIo();
    const { setting, calls, end } = fake(io);
    end(result({ exitCode: 3, warnings: ['from the command', 'from the sandbox'] }));
    const outcome = await execute(request, setting);
    expect(calls).toEqual(['create', 'ready', 'spawn', 'remove']);
    expect(outcome).toMatchObject({ sandbox: 'sandbox-run-1', runtime: 'fake', stoppedBy: undefined });
    expect(outcome.result.exitCode).toBe(3);
    expect(outcome.warnings).toEqual(['from the sandbox', 'from the command']);
    expect(io.signals.eventNames()).toEqual([]);
  });

  it.each([
    [false, undefined, 1234],
    [false, 1, 1],
    [false, null, null],
    // None, unless a trust level has a highest one.
    [true, undefined, undefined],
    [true, 1, 1],
    [true, null, null],
  ])('with a terminal (%j) and asked %j: a timeout of %j', async (tty, timeoutMs, expected) => {
    const { setting, timeouts, end } = fake(capturedIo());
    end(result({}));
    await execute({ ...request, tty }, { ...setting, timeoutMs });
    expect(timeouts).toEqual([expected]);
  });

  it('passes the first signal on, and kills on the second', async () => {
    const io = capturedIo();
    const { setting, calls } = fake(io);
    const outcome = execute(request, setting);
    await running(calls);
    io.signals.emit('SIGINT', 'SIGINT');
    expect(calls.at(-1)).toBe('SIGINT');
    vi.advanceTimersByTime(200);
    io.signals.emit('SIGINT', 'SIGINT');
    expect(await outcome).toMatchObject({ stoppedBy: 'SIGINT', result: { ending: 'signaled' } });
    expect(calls.slice(3)).toEqual(['SIGINT', 'kill', 'remove']);
  });

  it('kills a command that goes on after the grace', async () => {
    const io = capturedIo();
    const { setting, calls } = fake(io);
    const outcome = execute(request, setting);
    await running(calls);
    io.signals.emit('SIGTERM', 'SIGTERM');
    vi.advanceTimersByTime(9_999);
    expect(calls.at(-1)).toBe('SIGTERM');
    vi.advanceTimersByTime(1);
    expect(await outcome).toMatchObject({ stoppedBy: 'SIGTERM' });
    expect(calls.slice(3)).toEqual(['SIGTERM', 'kill', 'remove']);
  });

  it('lets a command end in its own way', async () => {
    const io = capturedIo();
    const { setting, calls, end } = fake(io);
    const outcome = execute(request, setting);
    await running(calls);
    io.signals.emit('SIGTERM', 'SIGTERM');
    end(result({ exitCode: 0 }));
    expect(await outcome).toMatchObject({ stoppedBy: 'SIGTERM', result: { exitCode: 0 } });
    vi.advanceTimersByTime(60_000);
    expect(calls).not.toContain('kill');
  });

  it('gives up making a sandbox when a signal comes', async () => {
    const io = capturedIo();
    const gate = Promise.withResolvers<void>();
    const { setting, calls } = fake(io, { create: () => gate.promise });
    const outcome = execute(request, setting);
    io.signals.emit('SIGHUP', 'SIGHUP');
    gate.resolve();
    await expect(outcome).rejects.toEqual(new StoppedEarly('SIGHUP'));
    expect(calls).toEqual(['create', 'abort']);
  });

  it('stops waiting for a runtime that hangs at the third signal', async () => {
    const io = capturedIo();
    const { setting, calls, end } = fake(io, { remove: () => new Promise(() => {}) });
    end(result({}));
    const outcome = execute(request, setting);
    while (!calls.includes('remove')) await Promise.resolve();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) io.signals.emit(signal, signal);
    await expect(outcome).rejects.toEqual(new StoppedEarly('SIGINT'));
  });

  it('keeps the result of a command whose sandbox could not be removed, and says so', async () => {
    const io = capturedIo();
    const { setting, end } = fake(io, { remove: () => Promise.reject(new Error('the engine is busy')) });
    end(result({ exitCode: 4 }));
    const outcome = await execute(request, setting);
    expect(outcome.result.exitCode).toBe(4);
    expect(outcome.warnings.join()).toContain('sandbox-run-1 could not be removed: the engine is busy');
  });

  it('leaves stdin alone once the command has ended', async () => {
    const stdin = new PassThrough();
    const io = capturedIo({ stdin });
    const { setting, end } = fake(io);
    end(result({}));
    await execute(request, setting);
    expect(stdin.listenerCount('data')).toBe(0);
    expect(stdin.isPaused()).toBe(true);
  });
});
