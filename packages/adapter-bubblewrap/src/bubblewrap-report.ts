import type { JailEnd } from '@sandbox/daemonless';

/** Whether the jail's first process is there. Its id is bwrap's own word for it, in another PID namespace. Pure. */
export function isMade(report: string): boolean {
  return report.startsWith('{ "child-pid": ');
}

/**
 * What bwrap's status says of the end. It names an exit code where the program has run, and then only; its own exit code is 1 for all that is wrong, which may be
 * the program's. A signal is an exit code, as a shell has it. Pure.
 */
export function jailEnd(report: string, said: string): JailEnd {
  const exitCode = /^\{ "exit-code": (\d+) \}$/m.exec(report)?.[1];
  if (exitCode !== undefined) return { type: 'exited', exitCode: Number(exitCode) };
  const reason = /^\S*bwrap: (.+)$/m.exec(said)?.[1] ?? (said.trim() || 'it ended without a word');
  return { type: 'failed', reason, isMade: reason.startsWith('execvp ') };
}
