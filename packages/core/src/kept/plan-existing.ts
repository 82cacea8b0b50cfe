import { type LaunchPlan, planLaunch, type TaskOfLaunch } from '../launch/launch-plan.ts';
import { parseLabels, type SandboxLabels } from '../naming/labels.ts';
import { projectVolumeName } from '../naming/names.ts';
import type { CreationPolicy } from '../policy/compare-policies.ts';
import { planEnforcement } from '../policy/plan-enforcement.ts';
import type { ResolvedPolicy } from '../policy/policy.ts';
import { parseUser } from '../policy/user.ts';
import type { OpenOptions } from '../sandbox/types.ts';
import type { Services } from '../services/services.ts';
import type { CheckedWorkspace } from '../workspace/check-workspace.ts';
import type { FoundSandbox } from './find-sandbox.ts';

export interface PlanRequest {
  readonly resolved: ResolvedPolicy;
  readonly existing: CreationPolicy | null;
  readonly workspace: CheckedWorkspace | null;
  readonly options: Omit<OpenOptions, 'workspace'>;
  readonly signal: AbortSignal;
}

/** What a sandbox was made with, as far as its labels tell. */
export async function planExisting(
  services: Services,
  { adapter, info }: FoundSandbox,
  { resolved, existing, workspace, options, signal }: PlanRequest,
): Promise<LaunchPlan> {
  const probe = await services.probes.probe(adapter, signal);
  const policy = { ...resolved.policy, ...existing };
  const inForce: ResolvedPolicy = { ...resolved, policy };
  const { capabilities } = probe;
  const labels = parseLabels(info.labels);
  const task = taskOf(labels, existing);
  const hasWorkspace = workspace !== null || task !== undefined;
  const plan = planEnforcement({
    ...{ resolved: inForce, capabilities, runtime: adapter.runtime, workspace: hasWorkspace },
    existing: true,
  });
  return planLaunch(services, {
    lifecycle: resolved.lifecycle,
    name: info.name,
    resolved: inForce,
    selected: { adapter, probe, plan, reason: 'it has the sandbox' },
    workspace,
    task,
    image: undefined,
    initKey: labels?.initKey ?? null,
    systemPath: labels?.path,
    options: { ...options, labels: undefined },
  });
}

function taskOf(labels: SandboxLabels | null, existing: CreationPolicy | null): TaskOfLaunch | undefined {
  const { project, task, kept } = labels ?? {};
  if (project === undefined || task === undefined || existing === null || existing.user === null)
    return undefined;
  const identity = parseUser(existing.user);
  const volume = projectVolumeName(project);
  return { project, task, volume, volumeLabels: {}, identity, keep: kept !== undefined };
}
