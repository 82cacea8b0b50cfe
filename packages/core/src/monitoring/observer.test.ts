import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CommandError } from '../command/command-error.ts';
import type { ExecResult } from '../command/types.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import type { Execution, OnExecution } from './execution.ts';
import { Observer } from './observer.ts';

const result: ExecResult = {
  ...{ ending: 'exited', exitCode: 3, signal: null, durationMs: 12, warnings: [] },
  usage: { cpuMs: 4, peakMemoryBytes: 5 },
  ...{ command: ['false'], stdout: 'o', stderr: 'ee', stdoutTruncated: false, stderrTruncated: false },
  ...{ stdoutBytes: new Uint8Array(1), stderrBytes: new Uint8Array(2), stdoutLength: 1, stderrLength: 2 },
};
const subject = { user: 'ann', runtime: 'docker', argv: ['false'], env: { A: 'secret' } };

let warnings: Error[];
beforeEach(() => {
  warnings = [];
  vi.spyOn(process, 'emitWarning').mockImplementation(
    (warning) => void warnings.push(new Error(`${warning}`)),
  );
});
afterEach(() => vi.restoreAllMocks());

async function told(use: (observer: Observer) => void, details?: ('argv' | 'env')[]): Promise<Execution[]> {
  const executions: Execution[] = [];
  const observer = new Observer((execution) => void executions.push(execution), details);
  use(observer);
  await observer.close();
  return executions;
}

describe('what is told', () => {
  test('of a command that ended: how, and what it used', async () => {
    const [one] = await told((observer) => observer.begin('exec', subject).ended(result, result));
    expect(one).toEqual({
      ...{ operation: 'exec', startedAt: expect.any(Date), durationMs: 12 },
      ...{ user: 'ann', project: null, task: null, language: null, runtime: 'docker', sandbox: null },
      ...{ lifecycle: null, terminal: false, ending: 'exited', errorCode: null, exitCode: 3 },
      ...{ peakMemoryBytes: 5, cpuMs: 4, stdoutBytes: 1, stderrBytes: 2, argv: null, env: null },
    });
  });

  test('words and variables only where they were asked for, as they were', async () => {
    const argv = ['printf', 'x'];
    const executions = await told(
      (observer) => {
        const observation = observer.begin('exec', { ...subject, argv });
        argv[0] = 'changed';
        observation.ended(result, result);
      },
      ['argv', 'env'],
    );
    expect(executions).toMatchObject([{ argv: ['printf', 'x'], env: { A: 'secret' } }]);
  });

  test('of what could not be run: its code, and where it was to be', async () => {
    const error = new SandboxError('UNAVAILABLE', 'gone', { runtime: 'podman', sandbox: 'box' });
    const executions = await told((observer) => observer.begin('create', { user: 'ann' }).failed(error));
    expect(executions).toMatchObject([
      {
        ending: null,
        errorCode: 'UNAVAILABLE',
        runtime: 'podman',
        sandbox: 'box',
        durationMs: expect.any(Number),
      },
    ]);
  });

  test('a mistake of ours is UNKNOWN, an exit code that was checked a result, and what the caller stopped no fault', async () => {
    const stopped = AbortSignal.abort();
    const executions = await told((observer) => {
      observer.begin('run', {}).failed(new TypeError('x'));
      observer.begin('run', {}).failed(new CommandError(result));
      observer.begin('run', {}).failed(stopped.reason, stopped);
    });
    expect(executions.map(({ ending, errorCode }) => ending ?? errorCode)).toEqual([
      ...['UNKNOWN', 'exited', 'DEADLINE_EXCEEDED'],
    ]);
  });

  test('of a lost one there are no figures but for how long it was waited for', async () => {
    const lost = { ...result, ending: 'lost', exitCode: null, durationMs: 0 } as const;
    const [one] = await told((observer) => observer.begin('exec', subject).ended(lost, lost));
    expect(one).toMatchObject({ ending: 'lost', cpuMs: null, peakMemoryBytes: null });
    expect(one?.durationMs).toBeGreaterThan(0);
  });

  test('each once', async () => {
    const executions = await told((observer) => {
      const observation = observer.begin('detached', subject);
      observation.left();
      observation.failed(new Error('late'));
    });
    expect(executions).toMatchObject([{ ending: null, errorCode: null, durationMs: null }]);
  });
});

describe('a sink', () => {
  const observed = (sink: OnExecution, count = 1) => {
    const observer = new Observer(sink);
    for (let each = 0; each < count; each += 1) observer.begin('exec', subject).ended(result, result);
    return observer;
  };

  test('has its turn after the caller', async () => {
    const order: string[] = [];
    const observer = observed(() => void order.push('sink'));
    await Promise.resolve();
    order.push('caller');
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual(['caller', 'sink']);
    await observer.close();
  });

  test.each<[string, OnExecution]>([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('that %s is told of once', async (_, sink) => {
    await observed(sink, 20).close();
    expect(warnings.map(({ message }) => message)).toEqual([
      'onExecution failed: broken. Commands are not affected.',
    ]);
  });

  test('that hangs holds up a close for a second, and memory not at all', async () => {
    let calls = 0;
    const observer = observed(() => {
      calls += 1;
      return new Promise(() => {});
    }, 12_000);
    const begun = performance.now();
    await observer.close();
    expect(performance.now() - begun).toBeLessThan(3_000);
    observer.begin('exec', subject).ended(result, result);
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toBe(10_000);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.message).toMatch(/does not keep up/);
  });

  test('that takes its time is waited for by close', async () => {
    let taken = 0;
    const observer = observed(async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      taken += 1;
    }, 3);
    await observer.close();
    expect(taken).toBe(3);
  });
});
