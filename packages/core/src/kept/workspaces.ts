import type { SandboxDetails } from '../sandbox/types.ts';
import type { Services } from '../services/services.ts';

/**
 * Host directories that have a long-lived sandbox, by what is recorded: a runtime that does not answer now has its sandboxes all the same, and asking all
 * of them would take longer than most commands do. `list` asks them, where nothing is recorded.
 */
export async function workspacesOf(
  services: Services,
  list: () => Promise<readonly Pick<SandboxDetails, 'lifecycle' | 'workspace'>[]>,
): Promise<string[]> {
  const records = await services.registry.list();
  const known = records.length > 0 ? records : await list();
  const paths = known.flatMap(({ lifecycle, workspace }) =>
    lifecycle === 'long-lived' && workspace !== null ? [workspace] : [],
  );
  return [...new Set(paths)].sort();
}
