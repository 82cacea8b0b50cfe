import { throwIfAborted, untilAborted } from '../errors/aborts.ts';
import type { ErrorContext } from '../errors/error-context.ts';
import type { Services } from './services.ts';

const turns = new WeakMap<Services, Map<string, Promise<unknown>>>();

export interface Turn extends ErrorContext {
  readonly key: string;
  readonly signal: AbortSignal | undefined;
}

/** One after the other for each key, within one manager. Who gives up on waiting does so at once; who has begun ends as `work` does. */
export async function inTurn<T>(
  services: Services,
  { key, signal, ...context }: Turn,
  work: () => Promise<T>,
): Promise<T> {
  const queue = turns.get(services) ?? new Map<string, Promise<unknown>>();
  turns.set(services, queue);
  const before = queue.get(key) ?? Promise.resolve();
  const mine = before.then(() => {
    throwIfAborted(signal, context);
    return work();
  });
  const settled = mine
    .catch(() => {})
    .then(() => {
      if (queue.get(key) === settled) queue.delete(key);
    });
  queue.set(key, settled);
  await untilAborted(before, signal, context);
  return mine;
}
