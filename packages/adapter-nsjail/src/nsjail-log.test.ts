import { describe, expect, it, test } from 'vitest';
import { hasStarted, jailEnd } from './nsjail-log.ts';

const at = '[2026-01-01T00:00:00+0000]';
const executing = `[I]${at} Executing '/bin/sh' for '[STANDALONE MODE]'\n`;
const ended = (how: string) => `[I]${at} pid=9 ([STANDALONE MODE]) ${how}, (PIDs left: 0)\n`;

describe('jailEnd', () => {
  it.each([
    ['exit', executing + ended('exited with status: 0'), { type: 'exited', exitCode: 0 }],
    ['a program’s own 255', executing + ended('exited with status: 255'), { type: 'exited', exitCode: 255 }],
    [
      'a signal',
      executing + ended('terminated with signal: SIGSEGV (11)'),
      { type: 'signaled', signal: 'SIGSEGV' },
    ],
    [
      'a violation',
      `${executing}[W]${at}[1] pid=9 committed a syscall/seccomp violation and exited with SIGSYS\n${ended('terminated with signal: SIGSYS (31)')}`,
      { type: 'signaled', signal: 'SIGSYS' },
    ],
    [
      'a mount that failed',
      `[E]${at}[1] buildMountTree():328 Failed to mount mandatory point: '/a'\n[F]${at}[1] runChild():506 Launching child process failed\n[E]${at}[2] standaloneMode():274 Couldn't launch the child process\n${ended('exited with status: 255')}`,
      { type: 'failed', reason: "Failed to mount mandatory point: '/a'" },
    ],
    [
      'a program that is not there',
      `${executing}[E]${at}[1] newProc():232 execve('/no') failed: No such file or directory\n[E]${at}[2] standaloneMode():274 Couldn't launch the child process\n${ended('exited with status: 255')}`,
      { type: 'failed', reason: "execve('/no') failed: No such file or directory" },
    ],
    [
      'a host without user namespaces',
      `[W]${at}[1] logParams():313 Process will be UID/EUID=0 in the global user namespace\n[W]${at}[1] runChild():511 clone(flags=CLONE_NEWUSER) failed: No space left on device\n[E]${at}[1] standaloneMode():274 Couldn't launch the child process\n`,
      { type: 'failed', reason: 'clone(flags=CLONE_NEWUSER) failed: No space left on device' },
    ],
    [
      'a bad option',
      `[F]${at}[2] main():1 Couldn't parse cmdline options\n`,
      { type: 'failed', reason: "Couldn't parse cmdline options" },
    ],
    ['silence', '', { type: 'failed', reason: 'it ended without a word' }],
  ])('%s', (_, log, end) => expect(jailEnd(log)).toEqual(end));
});

test('a path in the log is no line of the log', () => {
  const path = `[I]${at} Mount: '/a Executing 'x' pid=9 ([STANDALONE MODE]) exited with status: 0' -> '/b'\n`;
  expect(hasStarted(path)).toBe(false);
  expect(jailEnd(path).type).toBe('failed');
  expect(hasStarted(path + executing)).toBe(true);
  // The last word counts.
  expect(jailEnd(executing + ended('exited with status: 0') + ended('exited with status: 3'))).toEqual({
    type: 'exited',
    exitCode: 3,
  });
});
