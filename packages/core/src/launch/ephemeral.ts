import type { GuestSession } from '@sandbox/guest';
import type { Readback } from '../adapter/adapter.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import type { PolicyInput } from '../policy/policy.ts';
import { commandContext } from '../sandbox/command-context.ts';
import { openExecSession } from '../sandbox/exec-session.ts';
import { type GuestParts, SandboxGuest } from '../sandbox/sandbox-guest.ts';
import { SandboxHandle } from '../sandbox/sandbox-handle.ts';
import type { CreateOptions } from '../sandbox/types.ts';
import type { Services } from '../services/services.ts';
import { callersWorkspace, checkEnabled, knownCaller } from './caller.ts';
import { checkGuest, failed, makeSandbox, startAttached } from './launch.ts';
import {
  checkAtRuntime,
  checkCount,
  imageFor,
  type LaunchPlan,
  planLaunch,
  resolveRequest,
} from './launch-plan.ts';
import { selectRuntime } from './select-runtime.ts';

export interface EphemeralRequest {
  readonly options: CreateOptions;
  readonly start: boolean;
  /** Over the policy of `options`. */
  readonly policy?: PolicyInput | undefined;
  readonly warnings?: readonly string[] | undefined;
}

/** Makes an ephemeral sandbox, and starts it unless told not to. After a failure nothing of it is left. */
export async function createEphemeral(services: Services, request: EphemeralRequest): Promise<SandboxHandle> {
  const { options } = request;
  const signal = launchSignal(services, options.signal);
  const launch = await planEphemeral(services, request, signal);
  const readback = await makeSandbox(services, launch, { signal, isOneMore: true });
  const guest = new SandboxGuest(
    ephemeralParts(services, launch, readback, request.start ? signal : services.closing.signal),
  );
  guest.runtimeReason = launch.runtimeReason;
  guest.enforcement = launch.plan.report;
  guest.warnings = [...launch.warnings, ...(request.warnings ?? [])];
  const handle = new SandboxHandle(guest, 'created', commandContext(guest, launch));
  if (!request.start) return handle;
  try {
    await guest.start();
  } catch (error) {
    services.held.delete(handle);
    throw error;
  }
  return handle;
}

/** The caller's signal, and the manager's own: nothing is launched any more once it closes. */
export function launchSignal(services: Services, signal: AbortSignal | undefined): AbortSignal {
  const closing = services.closing.signal;
  return signal === undefined ? closing : AbortSignal.any([signal, closing]);
}

async function planEphemeral(
  services: Services,
  request: EphemeralRequest,
  signal: AbortSignal,
): Promise<LaunchPlan> {
  checkEnabled(services.settings, 'create');
  const caller = knownCaller(services.settings, request.options);
  const { options } = caller;
  const resolved = resolveRequest('ephemeral', caller, request.policy);
  const selecting = selectRuntime(services, {
    runtime: options.runtime,
    resolved,
    workspace: options.workspace !== undefined,
    signal,
  });
  selecting.catch(() => {});
  // What is wrong with the request is told first, however quickly a runtime says that it cannot just now.
  const [workspace] = await Promise.all([
    options.workspace === undefined
      ? null
      : callersWorkspace(services.settings, options.workspace, options.workspaceRoots),
    checkCount(services, resolved, options.user ?? null),
  ]);
  const selected = await selecting;
  if (workspace !== null) await checkAtRuntime(workspace, selected);
  const image = await imageFor(services, selected.adapter, resolved, { ...options, signal });
  signal.throwIfAborted();
  return planLaunch(services, { lifecycle: 'ephemeral', resolved, selected, workspace, image, options });
}

function ephemeralParts(
  services: Services,
  launch: LaunchPlan,
  readback: readonly Readback[],
  launching: AbortSignal,
): GuestParts {
  const { adapter, spec } = launch;
  let started = false;
  return {
    services,
    adapter,
    name: spec.name,
    lifecycle: 'ephemeral',
    workdir: spec.workdir,
    state: 'created',
    hasVolumes: spec.mounts.some(({ type }) => type === 'volume'),
    allowRoot: spec.user.allowRoot,
    identity: spec.user,
    async start(guest) {
      if (started) throw gone(adapter.runtime, spec.name, 'it was stopped, which ends an ephemeral sandbox');
      started = true;
      const session = await startAttached(services, launch, launching);
      await check(services, launch, readback, session, guest);
      return session;
    },
    openSession(user) {
      if (user === undefined) throw gone(adapter.runtime, spec.name, 'its session was lost');
      return openExecSession(services, adapter, spec.name, { user, path: undefined });
    },
  };
}

async function check(
  services: Services,
  launch: LaunchPlan,
  readback: readonly Readback[],
  session: GuestSession,
  guest: SandboxGuest,
): Promise<void> {
  try {
    guest.report(await checkGuest(launch, readback, session));
  } catch (error) {
    await session.close();
    throw await failed(services, launch, error, 'start', undefined);
  }
}

function gone(runtime: string, sandbox: string, why: string): SandboxError {
  return new SandboxError('UNAVAILABLE', `the sandbox is gone: ${why}`, {
    operation: 'session',
    runtime,
    sandbox,
    hint: 'Create another one; what must survive belongs into a long-lived sandbox.',
  });
}
