import { abortError } from './deadline.ts';
import type { ErrorContext } from './error-context.ts';
import { SandboxError } from './sandbox-error.ts';

export function throwIfAborted(signal: AbortSignal | undefined, context: ErrorContext): void {
  if (signal?.aborted) throw abortedBy(signal, context);
}

/** Waits no longer than the caller does; what was waited for goes on. */
export async function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  context: ErrorContext,
): Promise<T> {
  if (signal === undefined) return promise;
  throwIfAborted(signal, context);
  const { promise: gaveUp, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(abortedBy(signal, context));
  signal.addEventListener('abort', abort);
  try {
    return await Promise.race([promise, gaveUp]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

export function abortedBy(signal: AbortSignal, { operation, ...rest }: ErrorContext): SandboxError {
  return SandboxError.withContext(abortError(signal, operation, rest), { operation, ...rest });
}
