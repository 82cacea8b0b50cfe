import { SandboxError } from '../errors/sandbox-error.ts';

/** Linux's own numbers: the guest is always Linux, whatever the host is. */
const NAMES = [
  'SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM SIGTERM SIGSTKFLT',
  'SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR SIGSYS',
]
  .join(' ')
  .split(' ');

const HIGHEST = 64;

/** `SIGKILL` for 9; real-time signals, which have no name that all agree on, are `SIG34`. */
export function signalName(number: number): string {
  return NAMES[number - 1] ?? `SIG${number}`;
}

/** The number of `SIGTERM`, `TERM` or `SIG34`. */
export function signalNumber(name: string): number {
  const full = name.startsWith('SIG') ? name : `SIG${name}`;
  const index = NAMES.indexOf(full);
  if (index >= 0) return index + 1;
  const number = /^SIG([1-9]\d?)$/.exec(full)?.[1];
  if (number !== undefined && Number(number) <= HIGHEST) return Number(number);
  throw new SandboxError('INVALID_ARGUMENT', `there is no signal ${JSON.stringify(name)}`, {
    operation: 'signal',
    hint: 'use a name such as SIGTERM, SIGINT or SIGKILL',
  });
}
