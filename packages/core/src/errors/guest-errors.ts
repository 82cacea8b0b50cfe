import { GuestError } from '@sandbox/guest';
import { abortedBy } from './aborts.ts';
import type { ErrorContext } from './error-context.ts';
import { SandboxError } from './sandbox-error.ts';

/**
 * What the session, the guest or the caller's own signal stopped us with, as the one error of this project: one of ours keeps what it says, one of a session keeps
 * its code (`errno` and `path` stay readable in `cause`), anything else is `UNKNOWN` with itself as `cause`.
 */
export function toSandboxError(error: unknown, context: ErrorContext, signal?: AbortSignal): SandboxError {
  if (signal?.aborted && (error === signal.reason || isAbort(error))) return abortedBy(signal, context);
  if (!GuestError.isGuestError(error)) return SandboxError.withContext(error, context);
  const hint = context.hint ?? hintFor(error);
  return new SandboxError(error.code, error.message, { ...context, hint, cause: error });
}

function isAbort(error: unknown): boolean {
  // An adapter's own word for it, which does not say why. How a command ended is something else.
  if (SandboxError.is(error))
    return error.code === 'DEADLINE_EXCEEDED' && error.cause === undefined && !('result' in error);
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
}

function hintFor(error: GuestError): string | undefined {
  if (error.code === 'UNAVAILABLE') return 'The next command opens a new session where the sandbox lives on.';
  if (error.errno !== 'ENOSPC' && error.errno !== 'EDQUOT') return undefined;
  return 'The file system is full: remove files, or allow more with tmpfsBytes or diskBytes of the policy.';
}
