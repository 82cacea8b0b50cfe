import type { DetachedRecord } from '@sandbox/guest';
import { commandResult } from './command-result.ts';
import type { DetachedInfo } from './detached.ts';
import type { CommandResult } from './types.ts';

/** The agent's account of a detached command, in our own words. */
export function detachedInfo(record: DetachedRecord): DetachedInfo {
  const { status, endedMs } = record;
  return {
    id: record.id,
    command: record.argv.map((word) =>
      typeof word === 'string' ? word : new TextDecoder('utf-8', { ignoreBOM: true }).decode(word),
    ),
    commandTruncated: record.argvTruncated,
    state: status === null ? 'running' : 'ended',
    pid: record.pid,
    startedAt: new Date(record.startedMs),
    endedAt: endedMs === null ? null : new Date(endedMs),
    stdoutLength: record.stdoutBytes,
    stderrLength: record.stderrBytes,
    result: status && commandResult(status),
  };
}

/** For one of which nobody can tell how it ended. */
export function lostResult(why: string): CommandResult {
  return {
    ending: 'lost',
    exitCode: null,
    signal: null,
    durationMs: 0,
    usage: { cpuMs: 0, peakMemoryBytes: 0 },
    warnings: [`how the command ended is not known: ${why}`],
  };
}
