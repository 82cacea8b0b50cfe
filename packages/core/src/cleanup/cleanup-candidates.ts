import type { RuntimeAdapter, SandboxInfo } from '../adapter/adapter.ts';
import { type CleanupCandidate, isProtectedTrust } from '../lifecycle/select-for-cleanup.ts';
import { judgeInstance } from '../naming/instance.ts';
import { LABEL } from '../naming/labels.ts';
import { lookupProcess, readInstance } from '../naming/read-instance.ts';
import type { CleanupSettings } from '../policy/settings.ts';
import { adoptRecord } from '../registry/adopt.ts';
import type { SandboxRecord } from '../registry/registry.ts';
import type { Services } from '../services/services.ts';

export interface Candidate extends CleanupCandidate {
  readonly adapter: RuntimeAdapter;
}

export interface Candidates {
  readonly candidates: readonly Candidate[];
  /** Long-lived ones that the registry does not know, or not as their labels have it. */
  readonly unknown: readonly SandboxRecord[];
}

/** What one runtime has in this scope, and what is recorded to be there: each with all that decides whether it may go. */
export function candidatesAt(
  services: Services,
  adapter: RuntimeAdapter,
  infos: readonly SandboxInfo[],
  records: readonly SandboxRecord[],
): Candidates {
  const { scope } = services;
  const clock = services.clock();
  const judged = judge(services, adapter);
  const known = new Map<string, SandboxRecord>();
  const elsewhere = new Map<string, SandboxRecord>();
  for (const record of records)
    (record.runtime === adapter.runtime ? known : elsewhere).set(record.name, record);
  const candidates: Candidate[] = [];
  const unknown: SandboxRecord[] = [];
  for (const info of infos) {
    const recorded = known.get(info.name);
    known.delete(info.name);
    // The home may be older than the sandbox that the record is of.
    const record =
      info.state === 'missing' && recorded !== undefined
        ? recorded
        : adoptRecord(info, adapter.runtime, clock, recorded ?? useOf(elsewhere.get(info.name)));
    if (record === null || info.labels[LABEL.scope] !== scope) continue;
    candidates.push(judged(record, info));
    // Another program's record of one that it came too late to make.
    const isOther = recorded?.instance !== record.instance && !elsewhere.has(info.name);
    if (record.lifecycle === 'long-lived' && isOther) unknown.push(record);
  }
  candidates.push(...[...known.values()].map((record) => judged(record)));
  return { candidates, unknown };
}

/** Of two of one name at two runtimes one has the record, and when either was last used is in it. That one is being removed says nothing of the other. */
function useOf(record: SandboxRecord | undefined): SandboxRecord | undefined {
  return record && { ...record, condemned: undefined };
}

function judge(services: Services, adapter: RuntimeAdapter) {
  const self = readInstance();
  const held = new Set([...services.held].map(({ name }) => name));
  const { cleanup } = services.settings;
  return (recorded: SandboxRecord, info?: SandboxInfo): Candidate => {
    const trust = trustNow(recorded, cleanup);
    // Most are as recorded, and there may be thousands.
    const record = trust === recorded.trust ? recorded : { ...recorded, trust };
    return {
      adapter,
      record,
      protectsFullTrust: protectsFullTrust(record, info?.labels[LABEL.cron], cleanup),
      get owner() {
        return judgeInstance(record.instance, self, lookupProcess);
      },
      state: info?.state,
      endsWithOwner: info?.labels[LABEL.task] !== undefined && info.labels[LABEL.kept] !== 'true',
      isUsedElsewhere: info !== undefined && info.labels[LABEL.registry] !== services.registry.id,
      sessions: held.has(record.name) ? Math.max(1, info?.sessions ?? 1) : info?.sessions,
    };
  };
}

type Owned = Pick<SandboxRecord, 'user' | 'trust'>;

/** As configured now; what was recorded holds for users who are not configured (any more), and for nobody's. */
function trustNow({ user, trust }: Owned, cleanup: CleanupSettings): SandboxRecord['trust'] {
  return (user === null ? undefined : cleanup.trustOf(user)) ?? trust;
}

function protectsFullTrust({ user }: Owned, cron: string | undefined, cleanup: CleanupSettings): boolean {
  return cleanup.protectsFullTrust({ user: user ?? undefined, cron });
}

/** Whether its user's trust keeps it however long nobody uses it. */
export function isProtected(owned: Owned, cron: string | undefined, cleanup: CleanupSettings): boolean {
  return protectsFullTrust(owned, cron, cleanup) && isProtectedTrust(trustNow(owned, cleanup));
}
