import { describe, expect, it } from 'vitest';
import { exitCodeOf, signalExitCode } from './exit-code.ts';

describe('exitCodeOf', () => {
  it.each([
    [{ ending: 'exited', exitCode: 0, signal: null }, 0],
    [{ ending: 'exited', exitCode: 7, signal: null }, 7],
    [{ ending: 'exited', exitCode: 255, signal: null }, 255],
    [{ ending: 'signaled', exitCode: null, signal: 'SIGKILL' }, 137],
    [{ ending: 'signaled', exitCode: null, signal: 'SIGTERM' }, 143],
    [{ ending: 'signaled', exitCode: null, signal: 'SIGPIPE' }, 141],
    [{ ending: 'signaled', exitCode: null, signal: 'SIG34' }, 162],
    [{ ending: 'timed-out', exitCode: null, signal: 'SIGKILL' }, 124],
    [{ ending: 'oom-killed', exitCode: null, signal: 'SIGKILL' }, 137],
    [{ ending: 'output-limit', exitCode: null, signal: 'SIGKILL' }, 137],
    [{ ending: 'lost', exitCode: null, signal: null }, 125],
    // Not a pair that core makes: unknown is never success.
    [{ ending: 'exited', exitCode: null, signal: null }, 125],
  ] as const)('%j is %i', (result, expected) => {
    expect(exitCodeOf(result)).toBe(expected);
  });

  it('tells which signal made us stop an aborted command', () => {
    const aborted = { ending: 'aborted', exitCode: null, signal: 'SIGKILL' } as const;
    expect(exitCodeOf(aborted, 'SIGINT')).toBe(130);
    expect(exitCodeOf(aborted, 'SIGHUP')).toBe(129);
    expect(exitCodeOf(aborted)).toBe(137);
  });

  it('does not invent a number for a signal that does not exist', () => {
    expect(signalExitCode('SIGNOTHING')).toBe(125);
    expect(signalExitCode('')).toBe(125);
  });
});
