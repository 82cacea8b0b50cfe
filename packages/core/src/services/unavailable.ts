import type { RuntimeAdapter } from '../adapter/adapter.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import type { Services } from './services.ts';

interface Heard {
  readonly signal?: AbortSignal | undefined;
  /** Called with the reason for each of several runtimes that could not be asked. */
  readonly onUnavailable?: ((reason: SandboxError) => void) | undefined;
}

/** Asks all runtimes. What stands against one of several is told, where somebody wants to hear of it; the only one must answer. */
export async function onlyAvailable<T>(
  { adapters }: Services,
  { signal, onUnavailable }: Heard,
  ask: (adapter: RuntimeAdapter) => Promise<T>,
): Promise<T[]> {
  const answers = await Promise.all(
    adapters.map(async (adapter) => {
      try {
        return [await ask(adapter)];
      } catch (error) {
        const others = adapters.length > 1 && !signal?.aborted;
        if (!others || !SandboxError.is(error) || onUnavailable === undefined) throw error;
        onUnavailable(error);
        return [];
      }
    }),
  );
  return answers.flat();
}
