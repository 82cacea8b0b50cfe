import { formatDuration } from '../units/duration.ts';
import { SandboxError, type SandboxErrorOptions } from './sandbox-error.ts';

type Context = Omit<SandboxErrorOptions, 'cause' | 'operation'>;

/** A signal that fires when the caller's does, or when the time is over. Dispose it when the work is done. */
export interface Deadline extends Disposable {
  /** Its `reason` is a `SandboxError` with the code `DEADLINE_EXCEEDED`. */
  readonly signal: AbortSignal;
}

/** The error for work that a caller's signal stopped. The signal's own reason is its `cause`; a reason that is one of our errors already is returned as it is. */
export function abortError(signal: AbortSignal, operation: string, context: Context = {}): SandboxError {
  if (SandboxError.is(signal.reason)) return signal.reason;
  return new SandboxError('DEADLINE_EXCEEDED', `${operation} was aborted by its caller`, {
    ...context,
    operation,
    cause: signal.reason,
  });
}

/** Joins a caller's signal with a time limit in milliseconds. The timer keeps Node alive, so that nobody waits for ever on something that has no handle; hence `using`. */
export function deadline(
  signal: AbortSignal | undefined,
  ms: number,
  operation: string,
  context: Context = {},
): Deadline {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal && abortError(signal, operation, context));
  const onTimeout = () =>
    controller.abort(
      new SandboxError('DEADLINE_EXCEEDED', `${operation} did not finish within ${formatDuration(ms)}`, {
        ...context,
        operation,
      }),
    );
  const timer = setTimeout(onTimeout, ms);
  const dispose = () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  };
  if (signal?.aborted) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  return { signal: controller.signal, [Symbol.dispose]: dispose };
}

/**
 * Does work under a deadline and settles in time even when the work ignores its signal: then its late result is dropped. What the work throws because
 * it was aborted is replaced by the reason, so that callers see `DEADLINE_EXCEEDED` and not a library's own abort error.
 */
export async function withDeadline<T>(
  request: {
    readonly signal?: AbortSignal | undefined;
    readonly ms: number;
    readonly operation: string;
  } & Context,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal: outer, ms, operation, ...context } = request;
  using limit = deadline(outer, ms, operation, context);
  const { signal } = limit;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work(signal), aborted]);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
