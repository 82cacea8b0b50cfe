import type { CommandReport } from '@sandbox/core';
import type { Failure } from '../failure.ts';

export type { CommandReport } from '@sandbox/core';

/** With what must be told of how it ended. */
export function withFailure(report: CommandReport, failure: Failure | undefined): CommandReport {
  return { ...report, ...errorOf(failure) };
}

export function failedReport(
  command: readonly string[],
  known: { readonly runtime?: string | undefined; readonly sandbox?: string | undefined },
  failure?: Failure,
): CommandReport {
  return {
    runtime: known.runtime ?? null,
    runtimeReason: null,
    sandbox: known.sandbox ?? null,
    command,
    ending: null,
    exitCode: null,
    signal: null,
    stdout: '',
    stderr: '',
    stdoutTruncated: false,
    stderrTruncated: false,
    durationMs: null,
    usage: null,
    enforcement: {},
    warnings: [],
    ...errorOf(failure),
  };
}

function errorOf(failure: Failure | undefined): Pick<CommandReport, 'error'> {
  if (failure === undefined) return {};
  return { error: { code: failure.code, message: failure.message, hint: failure.hint ?? null } };
}
