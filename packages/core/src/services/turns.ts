import type { Services } from './services.ts';

const turns = new WeakMap<Services, Map<string, Promise<unknown>>>();

/** One after the other for each key, within one manager. */
export async function inTurn<T>(services: Services, key: string, work: () => Promise<T>): Promise<T> {
  const queue = turns.get(services) ?? new Map<string, Promise<unknown>>();
  turns.set(services, queue);
  const before = queue.get(key) ?? Promise.resolve();
  const mine = before.then(work, work);
  const settled = mine.catch(() => {});
  queue.set(key, settled);
  try {
    return await mine;
  } finally {
    if (queue.get(key) === settled) queue.delete(key);
  }
}
