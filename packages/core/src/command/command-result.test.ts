import type { ExecStatus } from '@sandbox/guest';
import { describe, expect, it } from 'vitest';
import { commandResult } from './command-result.ts';

const exited: ExecStatus = {
  ...{ exitCode: 0, signal: null, cause: 'exit', oomKilled: false, lost: false, strays: 0 },
  ...{ durationUs: 1500, cpuUserUs: 700, cpuSystemUs: 300, peakMemoryBytes: 4096 },
};
const killed: ExecStatus = { ...exited, exitCode: null, signal: 9 };

describe('commandResult', () => {
  it.each([
    ['exited', exited, undefined],
    ['exited', { ...exited, exitCode: 255 }, undefined],
    ['exited', exited, 'aborted'],
    ['signaled', killed, undefined],
    ['signaled', { ...killed, cause: 'cancel' }, undefined],
    ['exited', { ...exited, cause: 'cancel' }, undefined],
    ['timed-out', { ...killed, cause: 'timeout' }, undefined],
    ['timed-out', { ...exited, cause: 'timeout' }, undefined],
    ['aborted', { ...killed, cause: 'cancel' }, 'aborted'],
    ['oom-killed', { ...killed, oomKilled: true }, undefined],
    ['output-limit', { ...killed, cause: 'cancel' }, 'output-limit'],
    ['output-limit', exited, 'output-limit'],
    ['lost', { ...killed, lost: true }, undefined],
    ['lost', { ...killed, lost: true, cause: 'timeout' }, 'aborted'],
    ['lost', { ...exited, exitCode: null }, undefined],
  ] as const)('%s', (ending, status, stopped) => {
    const result = commandResult(status, stopped);
    expect(result.ending).toBe(ending);
    expect(result.exitCode).toBe(ending === 'exited' ? status.exitCode : null);
  });

  it('names signals and gives milliseconds', () => {
    expect(commandResult(killed)).toMatchObject({
      signal: 'SIGKILL',
      durationMs: 1.5,
      usage: { cpuMs: 1, peakMemoryBytes: 4096 },
      warnings: [],
    });
  });

  it('warns of what was left behind and names the way to keep it', () => {
    expect(commandResult({ ...exited, strays: 2 }).warnings).toEqual([
      expect.stringMatching(/2 processes.*spawn/),
    ]);
    expect(commandResult({ ...killed, cause: 'timeout', strays: 2 }).warnings).toEqual([]);
  });
});
