import type { Readback } from '../adapter/adapter.ts';
import type { SandboxSpec } from '../adapter/spec.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { type GuestView, observeGuest } from './observe-guest.ts';
import { type Observation, observeReadback, specValue } from './observe-readback.ts';
import { agentPids, type EnforcementPlan, type PlannedControl } from './plan-enforcement.ts';
import type { Enforcement, EnforcementReport } from './policy.ts';

export interface ReportRequest {
  readonly plan: EnforcementPlan;
  /** What the runtime was asked for. */
  readonly spec: SandboxSpec;
  /** What `create` read back from it. */
  readonly readback: readonly Readback[];
  /** What the agent says of itself, once there is a session. */
  readonly guest?: GuestView | undefined;
  /** For messages. */
  readonly runtime: string;
}

export interface ReportResult {
  readonly report: EnforcementReport;
  /** What this comparison found; those of the plan are not repeated. */
  readonly warnings: readonly string[];
}

/**
 * Compares what was asked with what the runtime read back and with what the agent sees. Call it after `create`, and again with `guest` once the session is open.
 * A required control that turns out not to hold throws: `UNSUPPORTED` when there is nothing of it, `FAILED_PRECONDITION` when it holds something else; the caller
 * then removes the sandbox. Any other difference is in the report, with a warning. Pure.
 */
export function enforcementReport(request: ReportRequest): ReportResult {
  const report: Record<string, Enforcement> = { ...request.plan.report };
  const warnings: string[] = [];
  for (const row of request.plan.controls) {
    // Not in the spec; the plan has warned.
    if (row.support === 'unsupported') continue;
    const planned = { ...row, requested: row.requested ?? specValue(row.control, request.spec) };
    const seen = observe(planned, request);
    if (planned.required) refuseMismatch(planned, seen, request);
    report[planned.control] = reportRow(planned, seen);
    const warning = warningFor(planned, seen, request.runtime);
    if (warning !== null) warnings.push(warning);
  }
  return { report, warnings };
}

/** From bad to good: what is worst is what counts. */
const VERDICTS = ['absent', 'differs', 'limited', 'holds'] as const;

function observe(planned: PlannedControl, { spec, readback, guest }: ReportRequest): Observation | null {
  const rows = readback.filter((entry) => entry.control === planned.control);
  const observations = [
    ...rows.map((entry) => observeReadback(entry, spec)),
    ...(guest === undefined ? [] : observeGuest(planned.control, spec, guest)),
  ];
  const worstFirst = observations.toSorted(
    (a, b) => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict),
  );
  return worstFirst[0] ? forUser(worstFirst[0], planned.control, spec) : null;
}

/** What the agent takes for itself is not the user's. */
function forUser(seen: Observation, control: string, { lifecycle }: SandboxSpec): Observation {
  if (control !== 'pids' || typeof seen.effective !== 'number') return seen;
  return { ...seen, effective: Math.max(seen.effective - agentPids(lifecycle), 0) };
}

function refuseMismatch(
  planned: PlannedControl,
  seen: Observation | null,
  { spec, runtime }: ReportRequest,
): void {
  if (seen?.verdict !== 'absent' && seen?.verdict !== 'differs') return;
  const { control, requested } = planned;
  const code = seen.verdict === 'absent' ? 'UNSUPPORTED' : 'FAILED_PRECONDITION';
  const found = seen.verdict === 'absent' ? 'it is not there' : `it is ${seen.effective}`;
  throw new SandboxError(code, `${runtime} accepted ${control} ${requested}, but ${found} (${seen.how})`, {
    operation: 'create',
    runtime,
    sandbox: spec.name,
    hint: `Use another runtime (\`sandbox doctor\`), or go on as it is with \`--best-effort ${control}\` where that is allowed.`,
  });
}

function reportRow(
  { requested, support, how, source }: PlannedControl,
  seen: Observation | null,
): Enforcement {
  if (seen === null) {
    const claimed = support === 'enforced' ? `${how}; not read back` : how;
    return { requested, effective: requested, status: 'limited', how: claimed, source };
  }
  const status =
    seen.verdict === 'absent'
      ? 'unsupported'
      : seen.verdict === 'holds' && support === 'enforced'
        ? 'enforced'
        : 'limited';
  // The words of a limit are the runtime's; where it was read says less.
  const means = support === 'limited' ? `${how}; ${seen.how}` : seen.how;
  return { requested, effective: seen.effective, status, how: means, source };
}

function warningFor(planned: PlannedControl, seen: Observation | null, runtime: string): string | null {
  const { control, requested, source } = planned;
  if (seen === null)
    return source === 'default'
      ? null
      : `${runtime} did not read ${control} back; nothing proves that it holds`;
  if (seen.verdict === 'holds') return null;
  if (seen.verdict === 'absent') return `${control} ${requested} does not hold: ${seen.how}`;
  if (seen.verdict === 'limited' && source === 'default') return null;
  const { effective } = seen;
  if (effective !== requested) return `${control} is ${effective} instead of ${requested}: ${seen.how}`;
  // The plan has warned of a limit that the runtime is known for.
  return planned.support === 'limited' ? null : `${control} ${requested} is limited: ${seen.how}`;
}
