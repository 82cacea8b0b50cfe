import type { ErrorCode } from '@sandbox/core';

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(message: string, hint?: string, code: ErrorCode = 'INVALID_ARGUMENT') {
    super(message);
    this.hint = hint;
    this.code = code;
  }
}
