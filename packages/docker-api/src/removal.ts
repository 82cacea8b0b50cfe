import { setTimeout as sleep } from 'node:timers/promises';
import { SandboxError } from '@sandbox/core';
import type { EngineClient } from './client.ts';
import { saysBusy, saysGone } from './errors.ts';

const REMOVAL_MS = 30_000;

/** Removes a container by force with its anonymous volumes, and resolves when it has been seen to be gone: with false when it was gone before. */
export async function removeContainer(
  client: EngineClient,
  id: string,
  context: { sandbox: string; operation: string; signal?: AbortSignal | undefined },
): Promise<boolean> {
  const path = `/containers/${encodeURIComponent(id)}`;
  const end = performance.now() + REMOVAL_MS;
  let pauseMs = 4;
  let wasThere = false;
  // Asked for again while the engine is busy with it.
  let toAsk: unknown = true;
  for (;;) {
    try {
      if (toAsk) await client.json({ ...context, method: 'DELETE', path, query: { force: 1, v: 1 } });
      toAsk = undefined;
      wasThere = true;
      await client.json({ ...context, method: 'GET', path: `${path}/json` });
    } catch (error) {
      if (saysGone(error)) return wasThere;
      if (!saysBusy(error)) throw error;
      wasThere = true;
      // "In progress" means that somebody else's removal is under way; anything else has to be asked for again.
      toAsk = /in progress/i.test(String(error)) ? undefined : error;
    }
    if (performance.now() > end) {
      const message = `${context.sandbox} is still there after ${REMOVAL_MS} ms`;
      const { runtime } = client.dialect;
      throw new SandboxError('DEADLINE_EXCEEDED', message, { ...context, runtime, cause: toAsk });
    }
    await sleep(pauseMs, undefined, { signal: context.signal }).catch(() => {});
    context.signal?.throwIfAborted();
    pauseMs = Math.min(pauseMs * 2, 250);
  }
}
