import type { CommandResult } from '@sandbox/core';

/** What the program's exit codes mean, as `timeout`, `env` and `docker run` have them. */
export const EXIT = {
  ok: 0,
  /** `doctor`: no runtime on this machine can run sandboxes. */
  none: 1,
  /** Asked first, and the answer was no. */
  declined: 1,
  /** Wrong usage. */
  usage: 2,
  timedOut: 124,
  /** The sandbox itself failed; nothing is known of the command. */
  sandbox: 125,
  /** Plus a signal's number: the command was ended by it. */
  signaled: 128,
} as const;

/** Linux's own numbers: the guest is Linux, whatever this host is. */
const SIGNALS = (
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT ' +
  'CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
).split(' ');

/** Of `SIGKILL`, and of `SIG34` for real-time signals, which have no names. */
export function signalExitCode(signal: string): number {
  const name = signal.replace(/^SIG/, '');
  const number = SIGNALS.indexOf(name) + 1 || Number(/^\d{1,2}$/.exec(name)?.[0] ?? 0);
  return number === 0 ? EXIT.sandbox : EXIT.signaled + number;
}

/** `stoppedBy`: the signal that made us stop the command, if one did. */
export function exitCodeOf(
  result: Pick<CommandResult, 'ending' | 'exitCode' | 'signal'>,
  stoppedBy?: NodeJS.Signals,
): number {
  switch (result.ending) {
    case 'exited':
      return result.exitCode ?? EXIT.sandbox;
    case 'signaled':
      return signalExitCode(result.signal ?? '');
    case 'timed-out':
      return EXIT.timedOut;
    case 'oom-killed':
    case 'output-limit':
      return signalExitCode('SIGKILL');
    case 'aborted':
      return signalExitCode(stoppedBy ?? 'SIGKILL');
    case 'lost':
      return EXIT.sandbox;
  }
}
