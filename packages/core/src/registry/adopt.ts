import type { SandboxInfo } from '../adapter/adapter.ts';
import type { CleanupClock } from '../lifecycle/select-for-cleanup.ts';
import { parseLabels } from '../naming/labels.ts';
import { afterMaking } from './later-use.ts';
import type { SandboxRecord } from './registry.ts';

/**
 * The record of a sandbox that a runtime has. What it is, its labels say, for they cannot be changed; when it was last used, only the registry knows. One that the registry does not
 * know is adopted, never deleted, and counts as used now. Null for what does not carry our labels. Pure.
 */
export function adoptRecord(
  info: SandboxInfo,
  runtime: string,
  { now, boot }: CleanupClock,
  known?: SandboxRecord,
): SandboxRecord | null {
  const labels = parseLabels(info.labels);
  if (labels === null) return null;
  const createdAt = labels.createdAt ?? info.createdAt ?? known?.createdAt ?? now;
  const { lastUsedAt, lastUsedBoot, mark, condemned }: Partial<SandboxRecord> = known ?? {
    lastUsedAt: afterMaking(now, createdAt),
    lastUsedBoot: boot,
  };
  return {
    name: info.name,
    runtime,
    lifecycle: labels.lifecycle,
    workspace: labels.workspace ?? null,
    user: labels.user ?? null,
    trust: labels.trust ?? null,
    instance: labels.instance ?? '',
    createdAt,
    lastUsedAt: lastUsedAt ?? now,
    ...(lastUsedBoot && { lastUsedBoot }),
    ...(mark && { mark }),
    ...(condemned && { condemned }),
  };
}
