import { SandboxError } from '../errors/sandbox-error.ts';
import { LABEL, parseLabels } from '../naming/labels.ts';
import { checkExisting, parsePolicyLabel } from '../policy/compare-policies.ts';
import type { ResolvedPolicy } from '../policy/policy.ts';
import { commandContext } from '../sandbox/command-context.ts';
import { SandboxGuest, unusable } from '../sandbox/sandbox-guest.ts';
import { SandboxHandle } from '../sandbox/sandbox-handle.ts';
import type { CreateOptions, OpenOptions } from '../sandbox/types.ts';
import type { Services } from '../services/services.ts';
import type { WantedTools } from '../tools/tools-request.ts';
import { lackingTools } from '../tools/wanted-tools.ts';
import type { CheckedWorkspace } from '../workspace/check-workspace.ts';
import { checkUser, type FoundSandbox } from './find-sandbox.ts';
import { longLivedParts, startGuest } from './long-lived-guest.ts';
import { planExisting } from './plan-existing.ts';

/** What is asked of a sandbox that is kept, whatever it belongs to. */
export type KeptOptions = CreateOptions & Pick<OpenOptions, 'lifecycle' | 'recreate' | 'tools'>;

export interface ExistingRequest {
  readonly options: KeptOptions;
  readonly resolved: ResolvedPolicy;
  /** Null for a task's. */
  readonly workspace: CheckedWorkspace | null;
  readonly tools: WantedTools;
  readonly signal: AbortSignal;
}

/** Refuses another user's sandbox, and one at another runtime than was asked for. */
export function checkOwner(found: FoundSandbox, options: KeptOptions): void {
  const { adapter, info } = found;
  checkUser(found, options.user, 'open');
  const context = { operation: 'open', runtime: adapter.runtime, sandbox: info.name };
  const { runtime = 'auto' } = options;
  if (runtime === 'auto' || runtime === adapter.runtime) return;
  throw new SandboxError(
    'FAILED_PRECONDITION',
    `the sandbox of this ${info.labels[LABEL.task] === undefined ? 'workspace' : 'task'} is at ${adapter.runtime}, not at ${runtime}`,
    {
      ...context,
      hint: `Use \`--runtime ${adapter.runtime}\`, or remove it there: \`sandbox rm ${info.name}\`.`,
    },
  );
}

/** Opens a long-lived sandbox that is there, where it is at least as strict as asked for. */
export async function openExisting(
  services: Services,
  found: FoundSandbox,
  { options, resolved, workspace, tools, signal }: ExistingRequest,
): Promise<SandboxHandle> {
  services.orphans.begin(found.adapter);
  const { name, labels, state } = found.info;
  const { policy, tools: installed } = parseLabels(labels) ?? {};
  const existing = parsePolicyLabel(policy);
  const kept = [...checkExisting(resolved, existing, name), ...lackingTools(tools, installed, name)];
  if (!['created', 'running', 'stopped'].includes(state)) {
    throw unusable(state, { operation: 'open', runtime: found.adapter.runtime, sandbox: name });
  }
  const launch = await planExisting(services, found, { resolved, existing, workspace, options, signal });
  const { readback = [] } = await found.adapter.inspect(name, { spec: launch.spec, signal });
  const guest = new SandboxGuest(longLivedParts(services, launch, readback, state));
  guest.report({ report: launch.plan.report, warnings: [...launch.warnings, ...kept] });
  // Before anything else: a cleanup that is about to remove it looks at this last.
  await guest.touch();
  try {
    await startGuest(guest, signal);
  } catch (error) {
    await guest.close();
    throw guest.error(error, 'open');
  }
  const { env } = resolved.policy;
  const context = commandContext(guest, { ...launch, resolved }, { env, cwd: options.workdir });
  return new SandboxHandle(guest, 'opened', context);
}
