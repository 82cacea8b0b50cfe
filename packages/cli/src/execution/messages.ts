import type { Sandbox } from '@sandbox/core';
import { exitCodeOf } from '../exit-code.ts';
import type { Failure } from '../failure.ts';
import { enforcementTable } from '../output/enforcement-table.ts';
import { bytes, duration } from '../output/quantities.ts';
import type { Outcome } from './execute.ts';

/** For `--verbose`: where the command is about to run, and what holds there. */
export function openingLines(sandbox: Sandbox, name: string): string {
  return `${name}: ${sandbox.name} on ${sandbox.runtime} (${sandbox.runtimeReason})\n${enforcementTable(sandbox.enforcement)}`;
}

/** What a person must be told of an ending that the command did not choose. */
export function endingFailure(outcome: Outcome, words: readonly string[]): Failure | undefined {
  const { result } = outcome;
  const exitCode = exitCodeOf(result, outcome.stoppedBy);
  const failure = (code: string, message: string, hint: string) => ({ code, message, hint, exitCode });
  switch (result.ending) {
    case 'timed-out':
      return failure(
        'DEADLINE_EXCEEDED',
        `the command was killed: it ran for more than ${duration(result.durationMs)}`,
        'Give it more time with --timeout 10m, or --timeout none.',
      );
    case 'oom-killed':
      return failure(
        'RESOURCE_EXHAUSTED',
        `the command was killed: it needed more than its ${memoryOf(outcome)}of memory`,
        'Give it more with --memory.',
      );
    case 'lost':
      return failure(
        'UNAVAILABLE',
        'the sandbox was lost while the command ran',
        'See whether the runtime is well: sandbox doctor',
      );
    case 'exited':
      if (result.exitCode !== 127 || !/^[\w.-]+(\/[\w.-]+)*(:[\w.-]+)$/.test(words[0] ?? ''))
        return undefined;
      return failure(
        'NOT_FOUND',
        `"${words[0]}" was taken for the command`,
        `Name an image with --image: sandbox run --image ${words[0]} -- COMMAND`,
      );
    default:
      return undefined;
  }
}

function memoryOf(outcome: Outcome): string {
  const limit = outcome.enforcement.memory?.effective;
  return typeof limit === 'number' ? `${bytes(limit)} ` : '';
}
