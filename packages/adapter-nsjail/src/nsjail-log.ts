import type { JailEnd, JailReport } from '@sandbox/daemonless';

const START = /^\[I\]\[[^\]]*\] Executing '/m;
const END =
  /^\[I\]\[[^\]]*\] pid=\d+ \(\[STANDALONE MODE\]\) (?:exited with status: (\d+)|terminated with signal: (\w+))/gm;
const LAUNCH_FAILED = /^\[E\].*Couldn't launch the child process/m;
/** Errors; and of the warnings those that tell of a call that failed, which is the cause of an error after it. */
const COMPLAINT = /^\[(?:[EF]|W(?=.* failed: ))\]\[[^\]]*\](?:\[\d+\])? (?:\S+\(\):\d+ )?(.*)$/gm;

/** Whether the jail is made and its program about to run; from then on nsjail takes SIGALRM. Pure. */
export function hasStarted(log: string): boolean {
  return START.test(log);
}

/** What nsjail's log says of the end. Its exit code says nothing: 255 and 137 may be the program's own. Pure. */
export function jailEnd(log: string): JailEnd {
  const last = [...log.matchAll(END)].at(-1);
  if (last === undefined || LAUNCH_FAILED.test(log)) return { type: 'failed', reason: complaints(log) };
  const [, exitCode, signal] = last;
  return signal === undefined ? { type: 'exited', exitCode: Number(exitCode) } : { type: 'signaled', signal };
}

/** The first complaint is the cause; what follows are its consequences. */
function complaints(log: string): string {
  const [first = 'it ended without a word'] = [...log.matchAll(COMPLAINT)].map(([, text]) => text);
  return first;
}

export const nsjailReport: JailReport = { hasStarted, end: jailEnd };
