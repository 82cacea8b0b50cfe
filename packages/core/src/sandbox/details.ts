import type { RuntimeAdapter, SandboxInfo } from '../adapter/adapter.ts';
import { isProtected } from '../cleanup/cleanup-candidates.ts';
import { idleMs } from '../lifecycle/select-for-cleanup.ts';
import { LABEL, parseLabels } from '../naming/labels.ts';
import type { EnforcementReport } from '../policy/policy.ts';
import type { SandboxRecord } from '../registry/registry.ts';
import type { Services } from '../services/services.ts';
import type { SandboxDetails } from './types.ts';

/** What a runtime says of a sandbox, with what its labels and the registry add. */
export function detailsOf(
  services: Services,
  adapter: RuntimeAdapter,
  info: SandboxInfo,
  record: SandboxRecord | undefined,
  enforcement: EnforcementReport = {},
): SandboxDetails {
  const labels = parseLabels(info.labels);
  // It is in the report.
  const { readback: _, ...facts } = info;
  // A key is nobody's to read who only lists sandboxes.
  const { [LABEL.initKey]: _key, ...shown } = info.labels;
  const lifecycle = labels?.lifecycle ?? 'unknown';
  const user = labels?.user ?? null;
  const trust = labels?.trust ?? null;
  const { cleanup } = services.settings;
  return {
    ...facts,
    labels: shown,
    runtime: adapter.runtime,
    lifecycle,
    workspace: labels?.workspace ?? null,
    project: labels?.project ?? null,
    task: labels?.task ?? null,
    user,
    trust,
    protected: lifecycle === 'long-lived' && isProtected({ user, trust }, labels?.cron, cleanup),
    lastUsedAt: record?.lastUsedAt ?? null,
    idleMs: record === undefined ? null : Math.max(0, idleMs(record, services.clock())),
    enforcement,
  };
}
