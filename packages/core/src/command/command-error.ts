import { type ErrorCode, SandboxError, type SandboxErrorOptions } from '../errors/sandbox-error.ts';
import type { Ending, ExecResult } from './types.ts';

const CODES: Readonly<Record<Ending, ErrorCode>> = {
  exited: 'FAILED_PRECONDITION',
  signaled: 'FAILED_PRECONDITION',
  'timed-out': 'DEADLINE_EXCEEDED',
  aborted: 'DEADLINE_EXCEEDED',
  'oom-killed': 'RESOURCE_EXHAUSTED',
  'output-limit': 'RESOURCE_EXHAUSTED',
  lost: 'UNAVAILABLE',
};

/**
 * What `check: true` throws for a command that did not exit with 0. Its code follows the ending: `FAILED_PRECONDITION` (another exit code, a signal),
 * `DEADLINE_EXCEEDED` (timed out, aborted), `RESOURCE_EXHAUSTED` (memory, output), `UNAVAILABLE` (lost).
 */
export class CommandError extends SandboxError {
  /** All that is known of the command, its output among it. */
  readonly result: ExecResult;

  constructor(result: ExecResult, context: Omit<SandboxErrorOptions, 'cause'> = {}) {
    super(CODES[result.ending], `${describe(result)}${lastLine(result)}`, context);
    this.result = result;
  }

  /** Also for one that another copy of the package made. */
  static override is(value: unknown): value is CommandError {
    return SandboxError.is(value) && 'result' in value;
  }
}

function describe({ command, ending, exitCode, signal }: ExecResult): string {
  const words = command.join(' ');
  const name = words.length > 80 ? `${words.slice(0, 80)}…` : words;
  if (ending === 'exited') return `\`${name}\` exited with ${exitCode}`;
  return ending === 'signaled' ? `\`${name}\` was ended by ${signal}` : `\`${name}\` ended as ${ending}`;
}

function lastLine({ stderr }: ExecResult): string {
  const line = stderr.trimEnd().split('\n').at(-1)?.slice(0, 200);
  return line ? `: ${line}` : '';
}
