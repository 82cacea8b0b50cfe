import { setTimeout as sleep } from 'node:timers/promises';
import type { RuntimeAdapter, SandboxInfo } from '../adapter/adapter.ts';
import { throwIfAborted } from '../errors/aborts.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { callersWorkspace, checkEnabled, type KnownCaller, knownCaller } from '../launch/caller.ts';
import { createEphemeral, launchSignal } from '../launch/ephemeral.ts';
import { makeSandbox, removeReplaced, removeSandbox } from '../launch/launch.ts';
import { checkAtRuntime, checkCount, imageFor, planLaunch, resolveRequest } from '../launch/launch-plan.ts';
import { type SelectedRuntime, selectRuntime } from '../launch/select-runtime.ts';
import { isUnused } from '../lifecycle/select-for-cleanup.ts';
import { judgeInstance } from '../naming/instance.ts';
import { LABEL, parseLabels } from '../naming/labels.ts';
import { longLivedName } from '../naming/names.ts';
import { lookupProcess, readInstance } from '../naming/read-instance.ts';
import { ceilingFor, chooseLifecycle } from '../policy/ceilings.ts';
import { adoptRecord } from '../registry/adopt.ts';
import type { SandboxRecord } from '../registry/registry.ts';
import type { SandboxHandle } from '../sandbox/sandbox-handle.ts';
import type { OpenOptions } from '../sandbox/types.ts';
import type { Services } from '../services/services.ts';
import { inTurn } from '../services/turns.ts';
import { addTools, notInEphemeral, wantedTools } from '../tools/wanted-tools.ts';
import type { CheckedWorkspace } from '../workspace/check-workspace.ts';
import { checkOwner, type ExistingRequest, openExisting } from './existing.ts';
import { type FindResult, type FoundSandbox, findSandbox } from './find-sandbox.ts';
import { startLongLived } from './long-lived-guest.ts';

/** How often one that others make and remove at the same time is looked for again. */
const ATTEMPTS = 5;
/** What somebody else may take to make and start it. */
const LAUNCH_MS = 60_000;
const LOOK_AGAIN_MS = 50;

/** A sandbox that is kept, and how to make it where it is not there. */
export interface KeptRequest extends ExistingRequest {
  readonly name: string;
  /** Throws where the one of this name is not the one that is meant. */
  check?(found: FoundSandbox): void;
  /** Whether the one that is there is not to be used any more, so that it is made again. */
  isOver?(found: FoundSandbox): Promise<boolean>;
  make(making: Making): Promise<SandboxHandle>;
}

interface OpenRequest extends KeptRequest {
  readonly caller: KnownCaller<OpenOptions>;
  readonly workspace: CheckedWorkspace;
}

/** The sandbox of a workspace: found, started or made. Programs that ask at the same moment get the same one. */
export async function openLongLived(services: Services, given: OpenOptions): Promise<SandboxHandle> {
  checkEnabled(services.settings, 'open');
  const caller = knownCaller(services.settings, given);
  const { options, settings } = caller;
  const { trust } = settings;
  const { lifecycle, warnings } = chooseLifecycle({
    asked: options.lifecycle,
    configured: settings.lifecycle,
    trust,
    ceiling: ceilingFor(trust, settings.ceilings),
  });
  const tools = wantedTools(caller);
  if (lifecycle === 'ephemeral') {
    const all = [...warnings, ...notInEphemeral(tools)];
    return createEphemeral(services, { options, start: true, warnings: all });
  }
  const resolved = resolveRequest('long-lived', caller);
  const workspace = await callersWorkspace(services.settings, options.workspace, options.workspaceRoots);
  const signal = launchSignal(services, options.signal);
  const name = longLivedName(workspace.path);
  const request: OpenRequest = {
    ...{ name, caller, options, resolved, workspace, tools, signal },
    make: (making) => make(services, request, making),
  };
  return inTurn(services, { key: name, signal, operation: 'open', sandbox: name }, () =>
    findOrMake(services, request),
  );
}

export async function findOrMake(services: Services, request: KeptRequest): Promise<SandboxHandle> {
  for (let attempt = 1; ; attempt += 1) {
    throwIfAborted(request.signal, { operation: 'open', sandbox: request.name });
    try {
      const { found, unasked } = await findSettled(services, request);
      if (found !== undefined) {
        const known = await keepRecord(services, found);
        request.check?.(found);
        checkOwner(found, request.options);
        if (isMissing(found) && known?.condemned) {
          // Somebody has begun to remove it, and may have been killed over that.
          await removeSandbox(services, found.adapter, request.name, {
            volumes: true,
            signal: request.signal,
          });
          continue;
        }
        const isUsable = !request.options.recreate && !isMissing(found) && !isHalfMade(found, known);
        if (isUsable && !(await request.isOver?.(found))) return await openExisting(services, found, request);
      }
      return await request.make({ warnings: unasked.map(perhapsElsewhere), replaced: found });
    } catch (error) {
      // Made or removed by somebody else in the meantime: that is a reason to look again.
      const raced = SandboxError.is(error) && (error.code === 'ALREADY_EXISTS' || wasRemoved(error));
      if (!raced || attempt >= ATTEMPTS) throw error;
      await sleep(LOOK_AGAIN_MS * attempt);
    }
  }
}

function wasRemoved(error: SandboxError): boolean {
  return error.code === 'NOT_FOUND' && ['inspect', 'start', 'session'].includes(error.operation ?? '');
}

/** Finds it, and waits while another program that is alive is making it. */
async function findSettled(services: Services, request: KeptRequest): Promise<FindResult> {
  const { name, signal, options } = request;
  const until = performance.now() + LAUNCH_MS;
  for (;;) {
    const result = await findSandbox(services, name, { signal, runtime: options.runtime });
    const { found } = result;
    if (found === undefined || !isBeingMade(services, found.info) || performance.now() > until) return result;
    await sleep(LOOK_AGAIN_MS, undefined, { signal });
  }
}

function perhapsElsewhere({ runtime, message }: SandboxError): string {
  return `${runtime} could not be asked whether it has this sandbox: ${message}`;
}

/** Within one program those who open the same sandbox take turns: what is half made there, was left so. */
function isBeingMade(services: Services, { state, labels }: SandboxInfo): boolean {
  if (state !== 'creating' && state !== 'created') return false;
  const { instance } = parseLabels(labels) ?? {};
  if (instance === services.instance()) return false;
  return judgeInstance(instance, readInstance(), lookupProcess) !== 'dead';
}

/** Adopts one that the registry does not know, or knows from a program that came too late to make it. Returns what was known before. */
async function keepRecord(
  { registry, clock }: Services,
  { adapter, info }: FoundSandbox,
): Promise<SandboxRecord | undefined> {
  const known = await registry.get(info.name);
  if (info.state === 'missing') return known;
  const record = adoptRecord(info, adapter.runtime, clock(), known);
  if (record !== null && record.instance !== known?.instance) await registry.put(record);
  return known;
}

/** Whether there is nothing of it but its home. */
function isMissing({ info: { state } }: FoundSandbox): boolean {
  return state === 'missing';
}

/** Nobody is making it any more. How far that got cannot be told, and never having run, it has nothing to lose. */
function isHalfMade({ info: { state } }: FoundSandbox, known: SandboxRecord | undefined): boolean {
  if (state !== 'created' && state !== 'creating') return false;
  return known === undefined || isUnused(known);
}

export interface Making {
  readonly warnings: readonly string[];
  /** Removed, unless it is `missing`, once all that can be decided beforehand is: a request that is refused costs nothing. */
  readonly replaced: FoundSandbox | undefined;
}

async function make(
  services: Services,
  request: OpenRequest,
  { warnings, replaced }: Making,
): Promise<SandboxHandle> {
  const { options, resolved, workspace, signal } = request;
  // Its home is where it is now.
  const runtime = {
    runtime: replaced?.adapter.runtime ?? options.runtime,
    resolved,
    workspace: true,
    signal,
  };
  let selected: SelectedRuntime;
  try {
    selected = await selectRuntime(services, { ...runtime, facets: ['long-lived'] });
  } catch (error) {
    if (options.lifecycle === 'long-lived' || replaced !== undefined) throw error;
    return makeEphemeral(services, request, { reason: error, warnings });
  }
  await checkAtRuntime(workspace, selected);
  if (replaced === undefined) {
    await checkCount(services, resolved, options.user ?? null);
    await checkHome(services, selected.adapter, request);
  }
  const image = await imageFor(services, selected.adapter, resolved, { ...options, signal });
  const { adapter } = selected;
  const tools = await addTools(services, { adapter, resolved, tools: request.tools, options, signal });
  const { name } = request;
  const planned = planLaunch(services, {
    ...{ lifecycle: 'long-lived', name, resolved, selected, workspace, options },
    ...{ image: tools.layer ?? image, layer: tools.layer?.name, tools: tools.tools },
  });
  const all = [...planned.warnings, ...tools.warnings, ...warnings, ...lostWith(replaced)];
  const launch = { ...planned, warnings: all };
  // Of one that is missing there may be a new one meanwhile.
  if (replaced !== undefined && !isMissing(replaced))
    await removeReplaced(services, selected.adapter, replaced.info, { volumes: false, signal });
  const readback = await makeSandbox(services, launch, { signal, isOneMore: replaced === undefined });
  return startLongLived(services, launch, readback, signal);
}

/** What another scope has at this runtime is not found, but a home of that name would be mounted all the same, and removed with this sandbox. */
async function checkHome(
  { scope }: Services,
  { runtime, volumes }: RuntimeAdapter,
  { name, signal }: OpenRequest,
): Promise<void> {
  const homes = (await volumes?.list({ [LABEL.name]: name }, { signal })) ?? [];
  const other = homes.find(({ labels }) => labels[LABEL.scope] !== scope);
  if (other === undefined) return;
  const theirs = other.labels[LABEL.scope];
  const where = theirs === undefined ? 'no scope' : `the scope ${theirs}`;
  throw new SandboxError('FAILED_PRECONDITION', `${name} has a home already, in ${where}`, {
    ...{ operation: 'open', runtime, sandbox: name },
    hint: 'Remove it there first: `sandbox rm`, with the SANDBOX_SCOPE that it was made with.',
  });
}

function lostWith(replaced: FoundSandbox | undefined): string[] {
  if (replaced === undefined || !isMissing(replaced)) return [];
  return [
    `this sandbox was no longer there: it was made again with its home, and without what else was changed in it`,
  ];
}

/** Where no runtime can keep a sandbox but one could run it. Otherwise what stands against it all is the reason. */
async function makeEphemeral(
  services: Services,
  { caller, tools, signal }: OpenRequest,
  { reason, warnings }: { readonly reason: unknown; readonly warnings: readonly string[] },
): Promise<SandboxHandle> {
  const { options } = caller;
  const resolved = resolveRequest('ephemeral', caller);
  const runtime = { runtime: options.runtime, resolved, workspace: true, signal };
  const selected = await selectRuntime(services, runtime).catch(() => {
    throw reason;
  });
  const warning = `${selected.adapter.runtime} cannot keep a sandbox: this one is gone when it is closed`;
  const all = [warning, ...warnings, ...notInEphemeral(tools)];
  return createEphemeral(services, { options, start: true, warnings: all });
}
