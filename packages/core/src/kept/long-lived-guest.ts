import type { GuestSession } from '@sandbox/guest';
import type { Readback, RuntimeAdapter } from '../adapter/adapter.ts';
import { untilAborted } from '../errors/aborts.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { checkGuest, failed } from '../launch/launch.ts';
import type { LaunchPlan } from '../launch/launch-plan.ts';
import { parseLabels } from '../naming/labels.ts';
import { commandContext } from '../sandbox/command-context.ts';
import { type OtherUser, openExecSession } from '../sandbox/exec-session.ts';
import { type GuestParts, SandboxGuest } from '../sandbox/sandbox-guest.ts';
import { SandboxHandle } from '../sandbox/sandbox-handle.ts';
import type { Services } from '../services/services.ts';
import { checkStillOf } from './find-sandbox.ts';

/** Starts a long-lived sandbox that was just made. After a failure nothing of it is left but its home, which may be older. */
export async function startLongLived(
  services: Services,
  launch: LaunchPlan,
  readback: readonly Readback[],
  signal: AbortSignal,
): Promise<SandboxHandle> {
  const guest = new SandboxGuest(longLivedParts(services, launch, readback, 'created'));
  guest.runtimeReason = launch.runtimeReason;
  guest.report({ report: launch.plan.report, warnings: launch.warnings });
  try {
    await startGuest(guest, signal);
  } catch (error) {
    await guest.close();
    throw await failed(services, launch, error, 'start', signal);
  }
  // From now on it is more than half made.
  await guest.touch();
  return new SandboxHandle(guest, 'opened', commandContext(guest, launch));
}

/** Brings it to run, and opens the first session, which checks what is there. */
export async function startGuest(guest: SandboxGuest, signal: AbortSignal): Promise<void> {
  await untilAborted(guest.start(), signal, { ...guest.context, operation: 'start' });
  await guest.session(undefined, signal);
}

/** A sandbox whose main process only waits: each session is an exec of its own. */
export function longLivedParts(
  services: Services,
  launch: LaunchPlan,
  readback: readonly Readback[],
  state: GuestParts['state'],
): GuestParts {
  const { adapter, spec } = launch;
  const { initKey, path, user: owner } = parseLabels(spec.labels) ?? {};
  return {
    services,
    adapter,
    name: spec.name,
    lifecycle: 'long-lived',
    workdir: spec.workdir,
    state,
    hasVolumes: true,
    checkOwner: (operation) => checkStillOf(services, { adapter, name: spec.name, user: owner, operation }),
    allowRoot: spec.user.allowRoot,
    identity: spec.user,
    initKey,
    async start() {
      await adapter.start(spec.name);
      return undefined;
    },
    async openSession(user, guest, revive) {
      const open = (start: Start, other?: OtherUser) =>
        revive
          ? openOrRestart(services, { adapter, name: spec.name, start }, other)
          : openExecSession(services, adapter, spec.name, other);
      const start = () => adapter.start(spec.name);
      if (user !== undefined)
        return openAsOther(guest, revive, start, (again) => open(again, { user, path }));
      const session = await open(start);
      try {
        guest.report(await checkGuest(launch, readback, session));
        return session;
      } catch (error) {
        await session.close();
        throw error;
      }
    },
  };
}

type Start = () => Promise<unknown>;

/**
 * Opens a session of somebody else than the sandbox's own user, who is the one that looks whether the workspace is the host's: before it, and once more where the sandbox has
 * stopped and is started for it.
 */
export async function openAsOther(
  guest: SandboxGuest,
  revive: boolean,
  start: Start,
  open: (start: Start) => Promise<GuestSession>,
): Promise<GuestSession> {
  const own = await guest.session(undefined, undefined, revive);
  let isRestarted = false;
  const session = await open(() => {
    isRestarted = true;
    return start();
  });
  if (!isRestarted) return session;
  try {
    await own.close();
    await guest.session(undefined, undefined, revive);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

export interface Restartable {
  readonly adapter: RuntimeAdapter;
  readonly name: string;
  readonly start: Start;
}

/** It was running when we last looked. Where the engine was started again since, or somebody stopped it, it is started once more. */
export async function openOrRestart(
  services: Services,
  { adapter, name, start }: Restartable,
  other: OtherUser | undefined,
): Promise<GuestSession> {
  try {
    return await openExecSession(services, adapter, name, other);
  } catch (error) {
    if (!SandboxError.is(error) || error.code !== 'FAILED_PRECONDITION') throw error;
    const { state } = await adapter.inspect(name);
    if (state !== 'stopped' && state !== 'created') throw error;
    await start();
    return openExecSession(services, adapter, name, other);
  }
}
