import type { RuntimeAdapter, SandboxInfo } from '../adapter/adapter.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { parseLabels } from '../naming/labels.ts';
import { openExecSession } from '../sandbox/exec-session.ts';
import type { Services } from '../services/services.ts';

export interface DetachedUse {
  /** For a person. */
  readonly reason: string;
  /** False where the sandbox could not be asked. */
  readonly isCertain: boolean;
}

/**
 * Why a sandbox that nobody has opened is in use all the same: a detached command runs in it. Null where none does. What cannot be told counts as use, because
 * a removal is for good.
 */
export async function detachedUse(
  services: Services,
  adapter: RuntimeAdapter,
  { name, state, labels }: SandboxInfo,
): Promise<DetachedUse | null> {
  const key = parseLabels(labels)?.initKey;
  if (state !== 'running' || key === undefined) return null;
  const { capabilities } = await services.probes.probe(adapter);
  if (capabilities.facets.detached.support === 'unsupported') return null;
  try {
    const session = await openExecSession(services, adapter, name);
    try {
      const records = await session.detached(key).list();
      const running = records.filter(({ status }) => status === null).length;
      if (running === 0) return null;
      const what = running === 1 ? 'a detached command runs' : `${running} detached commands run`;
      return { reason: `in use: ${what}`, isCertain: true };
    } finally {
      await session.close();
    }
  } catch (error) {
    if (SandboxError.is(error) && (error.code === 'NOT_FOUND' || error.code === 'FAILED_PRECONDITION'))
      return null;
    const why = error instanceof Error ? error.message : String(error);
    return { reason: `it cannot be told whether a detached command runs: ${why}`, isCertain: false };
  }
}
