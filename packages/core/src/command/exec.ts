import type { ExecRequest, GuestSession } from '@sandbox/guest';
import { throwIfAborted } from '../errors/aborts.ts';
import { toSandboxError } from '../errors/guest-errors.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { CollectedExec } from './collected-exec.ts';
import { CommandError } from './command-error.ts';
import { type CommandContext, commandRequest } from './command-request.ts';
import type { RunningCommands } from './running-commands.ts';
import { checkStdin } from './stdin-feed.ts';
import type { ExecOptions, ExecResult } from './types.ts';

const DEFAULT_MAX_OUTPUT = 10 * 1024 * 1024;

/** An exec whose arguments are checked, ready for a session. */
export interface PreparedExec {
  readonly request: ExecRequest;
  run(session: GuestSession, running: RunningCommands): Promise<ExecResult>;
}

/** Checks everything that can be known before a session is there. */
export function prepareExec(
  command: readonly string[],
  options: ExecOptions,
  context: CommandContext,
): PreparedExec {
  const errors = { operation: 'exec', runtime: context.runtime, sandbox: context.sandbox };
  const request = commandRequest(command, options, context, context.timeoutMs);
  const maximum = maxOutput(options);
  checkStdin(options.stdin);
  throwIfAborted(options.signal, errors);
  return {
    request,
    async run(session, running) {
      throwIfAborted(options.signal, errors);
      let result: ExecResult;
      try {
        result = await new CollectedExec(session, request, options, maximum, running).result();
      } catch (error) {
        throw toSandboxError(error, errors, options.signal);
      }
      if (options.check && result.exitCode !== 0) throw new CommandError(result, errors);
      return result;
    },
  };
}

function maxOutput({ maxOutputBytes, onOutputLimit }: ExecOptions): number {
  if (onOutputLimit !== undefined && onOutputLimit !== 'truncate' && onOutputLimit !== 'kill') {
    throw new SandboxError('INVALID_ARGUMENT', "onOutputLimit is 'truncate' or 'kill'", {
      operation: 'exec',
    });
  }
  if (maxOutputBytes === undefined) return DEFAULT_MAX_OUTPUT;
  if (Number.isSafeInteger(maxOutputBytes) && maxOutputBytes >= 0) return maxOutputBytes;
  throw new SandboxError('INVALID_ARGUMENT', `maxOutputBytes is ${maxOutputBytes}, not a number of bytes`, {
    operation: 'exec',
  });
}
