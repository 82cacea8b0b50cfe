import type { ExecStatus } from '@sandbox/guest';
import { signalName } from './signals.ts';
import type { CommandResult, Ending } from './types.ts';

/** Why this side asked for a command's end, if it did. */
export type Stopped = 'aborted' | 'output-limit' | undefined;

/** The agent's account of an end, in the words of the closed set. What does not fit any of them is `lost`. */
export function commandResult(status: ExecStatus, stopped?: Stopped): CommandResult {
  const ending = endingOf(status, stopped);
  return {
    ending,
    exitCode: ending === 'exited' ? status.exitCode : null,
    signal: status.signal === null || ending === 'lost' ? null : signalName(status.signal),
    durationMs: status.durationUs / 1000,
    usage: {
      cpuMs: (status.cpuUserUs + status.cpuSystemUs) / 1000,
      peakMemoryBytes: status.peakMemoryBytes,
    },
    warnings: warningsOf(status, ending),
  };
}

function endingOf(status: ExecStatus, stopped: Stopped): Ending {
  if (status.lost) return 'lost';
  // More was printed than was allowed, whether or not the command ended before it could be killed for it.
  if (stopped === 'output-limit') return 'output-limit';
  if (status.cause === 'timeout') return 'timed-out';
  if (status.cause === 'cancel' && stopped === 'aborted') return 'aborted';
  if (status.oomKilled) return 'oom-killed';
  if (status.signal !== null) return 'signaled';
  return Number.isInteger(status.exitCode) ? 'exited' : 'lost';
}

const NONE: readonly string[] = [];

function warningsOf(status: ExecStatus, ending: Ending): readonly string[] {
  if (ending === 'lost') {
    return [`the outcome of the command is not known${status.message ? `: ${status.message}` : ''}`];
  }
  // After a kill it is no surprise that there was something to kill.
  if (status.strays === 0 || status.cause !== 'exit' || ending === 'output-limit') return NONE;
  const left = status.strays === 1 ? '1 process' : `${status.strays} processes`;
  return [
    `the command left ${left} behind, which had to be killed; use spawn for work that goes on in the background`,
  ];
}
