import { type GuestSession, openSession } from '@sandbox/guest';
import type { Readback } from '../adapter/adapter.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { checkGuest } from '../launch/launch.ts';
import { type LaunchPlan, resolveRequest } from '../launch/launch-plan.ts';
import { parseLabels } from '../naming/labels.ts';
import { type CreationPolicy, parsePolicyLabel } from '../policy/compare-policies.ts';
import { enforcementReport, type ReportResult } from '../policy/enforcement-report.ts';
import type { Caller } from '../policy/settings.ts';
import { parseUser } from '../policy/user.ts';
import { commandContext } from '../sandbox/command-context.ts';
import { openExecSession } from '../sandbox/exec-session.ts';
import { type GuestParts, SandboxGuest } from '../sandbox/sandbox-guest.ts';
import { SandboxHandle } from '../sandbox/sandbox-handle.ts';
import type { Services } from '../services/services.ts';
import { type CheckedWorkspace, checkWorkspace } from '../workspace/check-workspace.ts';
import { checkStillOf, checkUser, type FoundSandbox } from './find-sandbox.ts';
import { openAsOther, openOrRestart } from './long-lived-guest.ts';
import { planExisting } from './plan-existing.ts';

/** A handle for any sandbox of ours, in whatever state it is. Nothing is started and no session opened until it is needed. Without a caller it is its owner's. */
export async function handleFor(
  services: Services,
  found: FoundSandbox,
  caller?: Caller,
): Promise<SandboxHandle> {
  const { info } = found;
  const labels = parseLabels(info.labels);
  const lifecycle = labels?.lifecycle ?? 'ephemeral';
  const existing = parsePolicyLabel(labels?.policy);
  const settings = services.settings.settingsFor(caller ?? { user: labels?.user, trust: labels?.trust });
  if (caller !== undefined) checkUser(found, settings.user, 'get');
  const options = { user: settings.user, trust: settings.trust };
  const resolved = resolveRequest(lifecycle, { options, settings });
  const workspace = labels?.workspace === undefined ? null : unchecked(labels.workspace);
  const launch = await planExisting(services, found, {
    ...{ resolved, existing, workspace, options, signal: services.closing.signal },
  }).catch(() => undefined);
  const guest = new SandboxGuest(foundParts(services, found, lifecycle, existing, launch));
  if (launch !== undefined) guest.report(reportExisting(launch, []));
  const plan = launch ?? { resolved, purpose: {}, record: { user: settings.user ?? null } };
  return new SandboxHandle(guest, 'found', commandContext(guest, plan));
}

/** What is there is told and not refused: whoever opens a session is. */
function reportExisting({ adapter, plan, spec }: LaunchPlan, readback: readonly Readback[]): ReportResult {
  const controls = plan.controls.map((row) => ({ ...row, required: false }));
  return enforcementReport({ plan: { ...plan, controls }, spec, readback, runtime: adapter.runtime });
}

function foundParts(
  services: Services,
  { adapter, info }: FoundSandbox,
  lifecycle: 'ephemeral' | 'long-lived',
  existing: CreationPolicy | null,
  launch: LaunchPlan | undefined,
): GuestParts {
  const { name } = info;
  const labels = parseLabels(info.labels);
  let checked = false;
  async function start(): Promise<GuestSession | undefined> {
    if (lifecycle === 'ephemeral') return openSession(await adapter.start(name, { attach: true }));
    // No command runs before a session is opened, which is when what was really mounted is looked at.
    if (launch?.workspace) await asMounted(launch.workspace.path);
    return adapter.start(name);
  }
  return {
    start,
    services,
    adapter,
    name,
    lifecycle,
    workdir: launch?.spec.workdir ?? '/',
    state: info.state,
    hasVolumes: true,
    async checkOwner(operation) {
      if (lifecycle === 'long-lived')
        await checkStillOf(services, { adapter, name, user: labels?.user, operation });
    },
    allowRoot: existing?.allowRoot ?? false,
    identity: existing?.user ? parseUser(existing.user) : undefined,
    initKey: labels?.initKey,
    async inspect(guest) {
      // What the guest itself has said is more than that.
      if (launch === undefined || checked || info.state === 'missing') return undefined;
      const seen = await adapter.inspect(name, { spec: launch.spec });
      if (!checked) guest.report(reportExisting(launch, seen.readback ?? []));
      return seen;
    },
    async openSession(user, guest, revive) {
      const open = (start: () => Promise<unknown>) => {
        const other = user && { user, path: labels?.path };
        return lifecycle === 'long-lived' && revive
          ? openOrRestart(services, { adapter, name, start }, other)
          : openExecSession(services, adapter, name, other);
      };
      if (launch === undefined) return open(start);
      if (user !== undefined) return openAsOther(guest, revive, start, open);
      const session = await open(start);
      try {
        const workspace = launch.workspace && (await asMounted(launch.workspace.path).catch(ifGone));
        guest.report(await checkGuest({ ...launch, workspace }, [], session));
        checked = true;
        return session;
      } catch (error) {
        await session.close();
        throw error;
      }
    },
  };
}

/**
 * The host's directory as it is now. It was mounted by this very path: where a part of that has become a link, which the guest of a sandbox further up can see
 * to, it leads elsewhere.
 */
async function asMounted(path: string): Promise<CheckedWorkspace> {
  const workspace = await checkWorkspace(path);
  if (workspace.path === path) return workspace;
  throw new SandboxError('FAILED_PRECONDITION', `the workspace ${path} now leads to ${workspace.path}`, {
    operation: 'start',
    hint: `Open ${workspace.path} instead, if that is what is meant: it has a sandbox of its own.`,
  });
}

/** There is nothing to compare with, and nothing to fear: what was mounted has no name any more. */
function ifGone(error: unknown): null {
  if (SandboxError.is(error) && error.code === 'NOT_FOUND') return null;
  throw error;
}

/** A directory that is only named: nobody looked whether it is still there. */
function unchecked(path: string): CheckedWorkspace {
  return { path, owner: { uid: -1, gid: -1 }, device: -1, inode: -1 };
}
