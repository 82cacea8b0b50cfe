import { type GuestSession, openSession } from '@sandbox/guest';
import type { Readback, RuntimeAdapter, SandboxInfo } from '../adapter/adapter.ts';
import { toSandboxError } from '../errors/guest-errors.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { LABEL } from '../naming/labels.ts';
import { enforcementReport, type ReportResult } from '../policy/enforcement-report.ts';
import type { Services } from '../services/services.ts';
import { checkCount, type LaunchPlan } from './launch-plan.ts';
import { proveWorkspace } from './workspace-proof.ts';

/** What clearing away may take, when a launch has failed and somebody waits for the reason. */
const CLEAR_MS = 15_000;

export interface MakeOptions {
  readonly signal: AbortSignal | undefined;
  /** False for one that takes the place of another. */
  readonly isOneMore: boolean;
}

/** Makes what was planned, recorded before it is made, and compares what the runtime says of it with what was asked. */
export async function makeSandbox(
  services: Services,
  launch: LaunchPlan,
  { signal, isOneMore }: MakeOptions,
): Promise<readonly Readback[]> {
  const { adapter, spec, record, resolved } = launch;
  await services.registry.put(record);
  try {
    if (isOneMore) await checkCount(services, resolved, record.user, record);
    const { readback } = await adapter.create(spec, { signal });
    reportOf(launch, readback);
    return readback;
  } catch (error) {
    // A name that is taken belongs to somebody else, and so does its record.
    if (SandboxError.is(error) && error.code === 'ALREADY_EXISTS') throw error;
    if (spec.root.type === 'image') services.images.forget(adapter, spec.root.image);
    throw await failed(services, launch, error, 'create', signal);
  } finally {
    services.orphans.begin(adapter);
  }
}

/** Starts an ephemeral sandbox; its session runs on the main process. */
export async function startAttached(
  services: Services,
  launch: LaunchPlan,
  signal: AbortSignal | undefined,
): Promise<GuestSession> {
  const { adapter, spec } = launch;
  try {
    const process = await adapter.start(spec.name, { attach: true, signal });
    return await openSession(process, { signal });
  } catch (error) {
    throw await failed(services, launch, error, 'start', signal);
  }
}

/** What the guest itself says must agree with what was asked and with what the runtime said. */
export async function checkGuest(
  launch: LaunchPlan,
  readback: readonly Readback[],
  session: GuestSession,
): Promise<ReportResult> {
  const { adapter, spec, workspace, probe } = launch;
  const result = reportOf(launch, readback, session);
  if (workspace !== null) {
    await proveWorkspace(session, workspace, probe, { runtime: adapter.runtime, sandbox: spec.name });
  }
  return result;
}

function reportOf(launch: LaunchPlan, readback: readonly Readback[], session?: GuestSession): ReportResult {
  const { plan, spec, adapter } = launch;
  return enforcementReport({ plan, spec, readback, guest: session?.hello, runtime: adapter.runtime });
}

/** Takes away what a failed launch has made, and returns the error with all that is known. */
export async function failed(
  services: Services,
  launch: LaunchPlan,
  error: unknown,
  operation: string,
  signal: AbortSignal | undefined,
): Promise<SandboxError> {
  const { adapter, spec } = launch;
  const reason = toSandboxError(error, { operation, runtime: adapter.runtime, sandbox: spec.name }, signal);
  if (reason.code === 'UNAVAILABLE') services.probes.forget(adapter);
  try {
    const clearing = AbortSignal.timeout(CLEAR_MS);
    if (spec.lifecycle === 'ephemeral')
      await removeSandbox(services, adapter, spec.name, { volumes: true, signal: clearing });
    // The home of a long-lived one may be older than this launch.
    else await removeIfSame(services, adapter, spec, { volumes: false, signal: clearing });
    return reason;
  } catch {
    // Its record stays, so that cleanup finds it.
    return SandboxError.withContext(reason, {
      hint: `What was made of it could not be removed; \`sandbox cleanup\` tries again.`,
    });
  }
}

/** Removes a sandbox, and then its record. One that may have volumes is condemned first: whenever we are killed, nothing of it is left in the end. */
export async function removeSandbox(
  services: Services,
  adapter: RuntimeAdapter,
  name: string,
  options: { readonly volumes: boolean; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const { registry } = services;
  const known = await registry.get(name);
  // Of this name there may be one at another runtime, and soon a new one of another program.
  const record = known?.runtime === adapter.runtime ? known : undefined;
  if (record !== undefined && options.volumes) await registry.condemn(name);
  await adapter.remove(name, options);
  if (record !== undefined) await registry.remove(name, record.instance);
}

/** False, and nothing is removed, where the long-lived sandbox of this name is one that somebody else has made meanwhile: each has a key of its own. */
export async function removeIfSame(
  services: Services,
  adapter: RuntimeAdapter,
  { name, labels }: Pick<SandboxInfo, 'name' | 'labels'>,
  options: { readonly volumes: boolean; readonly signal?: AbortSignal | undefined },
): Promise<boolean> {
  const { signal } = options;
  const now = await adapter.inspect(name, { signal }).catch((error) => {
    if (!SandboxError.is(error) || error.code !== 'NOT_FOUND') throw error;
  });
  if (now !== undefined && now.labels[LABEL.initKey] !== labels[LABEL.initKey]) return false;
  await removeSandbox(services, adapter, name, options);
  return true;
}

/** The same for one that is to be made again. Throws what is a reason to look again. */
export async function removeReplaced(
  services: Services,
  adapter: RuntimeAdapter,
  replaced: Pick<SandboxInfo, 'name' | 'labels'>,
  options: { readonly volumes: boolean; readonly signal: AbortSignal },
): Promise<void> {
  if (await removeIfSame(services, adapter, replaced, options)) return;
  const { name } = replaced;
  throw new SandboxError('ALREADY_EXISTS', `${name} has just been made again by somebody else`, {
    ...{ operation: 'open', runtime: adapter.runtime, sandbox: name, hint: 'Try again.' },
  });
}
