import type { ProbeResult, RuntimeAdapter, SandboxInfo } from '../adapter/adapter.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { inspectOrMissing } from '../lifecycle/homes.ts';
import { LABEL, parseLabels } from '../naming/labels.ts';
import type { SandboxRecord } from '../registry/registry.ts';
import type { Services } from '../services/services.ts';

export interface FoundSandbox {
  readonly adapter: RuntimeAdapter;
  readonly info: SandboxInfo;
}

export interface FindOptions {
  readonly signal?: AbortSignal | undefined;
  /** Where the caller insists on having it. */
  readonly runtime?: string | undefined;
}

export interface FindResult {
  readonly found: FoundSandbox | undefined;
  /** Why runtimes that are here could not be asked: while nothing is found, each of them may have it. */
  readonly unasked: readonly SandboxError[];
  /** Runtimes that are not on this machine. */
  readonly absent: readonly string[];
}

/**
 * Looks for a sandbox by name: at the runtime that the registry names, else at all that are there. A runtime that is
 * recorded to have it and does not answer is `UNAVAILABLE`: elsewhere it cannot be, unless the caller wants one there.
 */
export async function findSandbox(
  services: Services,
  name: string,
  { signal, runtime: wanted = 'auto' }: FindOptions = {},
): Promise<FindResult> {
  const record = await services.registry.get(name);
  const recorded = services.adapters.find(({ runtime }) => runtime === record?.runtime);
  if (recorded !== undefined) {
    const elsewhere = wanted !== 'auto' && wanted !== recorded.runtime;
    const info = await inspectAt(recorded, name, record, signal).catch((error) => {
      if (elsewhere && !signal?.aborted && doesNotAnswer(error)) return undefined;
      throw error;
    });
    if (info !== undefined)
      return { found: ours(services, { adapter: recorded, info }), unasked: [], absent: [] };
  }
  const unasked: SandboxError[] = [];
  const absent: string[] = [];
  const others = services.adapters.filter((adapter) => adapter !== recorded);
  const found = await Promise.all(
    others.map((adapter) =>
      inspectIfThere(services, adapter, { name, record, signal, absent }).catch((error) => {
        // The only one must say why it does not answer.
        if (services.adapters.length === 1 || signal?.aborted || !SandboxError.is(error)) throw error;
        unasked.push(error);
        return undefined;
      }),
    ),
  );
  const there = found.filter((candidate) => candidate !== undefined);
  // A home that was left behind at one runtime is less than the sandbox at another.
  const first = there.find(({ info: { state } }) => state !== 'missing') ?? there[0];
  return { found: first && ours(services, first), unasked, absent };
}

function doesNotAnswer(error: unknown): boolean {
  return SandboxError.is(error) && (error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED');
}

interface Search {
  readonly name: string;
  readonly record: SandboxRecord | undefined;
  readonly signal: AbortSignal | undefined;
  readonly absent: string[];
}

async function inspectIfThere(
  services: Services,
  adapter: RuntimeAdapter,
  { name, record, signal, absent }: Search,
): Promise<FoundSandbox | undefined> {
  if (!(await isThere(services, adapter, 'inspect', signal))) {
    absent.push(adapter.runtime);
    return undefined;
  }
  const info = await inspectAt(adapter, name, record, signal);
  return info && { adapter, info };
}

/**
 * Whether a runtime can be asked what it has. Of several, one that is not on this machine has nothing; one that is here and unwell throws `UNAVAILABLE`. The only one
 * is asked in any case: its own error says best what is wrong.
 */
export async function isThere(
  services: Services,
  adapter: RuntimeAdapter,
  operation: string,
  signal?: AbortSignal,
): Promise<boolean> {
  if (services.adapters.length === 1) return true;
  const probe = await services.probes.probe(adapter, signal);
  if (probe.status === 'unhealthy') throw unavailable(adapter, probe, operation);
  return probe.status === 'healthy';
}

/** Why a runtime that is not healthy cannot be used. */
export function unavailable(
  { runtime }: RuntimeAdapter,
  { status, message, remedy }: ProbeResult,
  operation: string,
): SandboxError {
  const state = status === 'undetected' ? 'was not found' : 'cannot run sandboxes';
  return new SandboxError('UNAVAILABLE', `${runtime} ${state}: ${message}`, {
    operation,
    runtime,
    hint: remedy,
  });
}

async function inspectAt(
  adapter: RuntimeAdapter,
  name: string,
  record: SandboxRecord | undefined,
  signal: AbortSignal | undefined,
): Promise<SandboxInfo | undefined> {
  try {
    return await inspectOrMissing(adapter, name, record, { signal });
  } catch (error) {
    if (SandboxError.is(error) && error.code === 'NOT_FOUND') return undefined;
    throw SandboxError.withContext(error, {
      operation: 'inspect',
      runtime: adapter.runtime,
      sandbox: name,
      hint: `Start ${adapter.runtime} again, or name another runtime with \`--runtime\`.`,
    });
  }
}

/** What is not managed by us, or belongs to another scope, is not there. */
function ours(services: Services, found: FoundSandbox): FoundSandbox | undefined {
  const { labels } = found.info;
  if (labels[LABEL.managed] !== 'true') return undefined;
  return labels[LABEL.scope] === services.scope ? found : undefined;
}

/** Refuses another user's sandbox. */
export function checkUser(
  { adapter, info }: FoundSandbox,
  user: string | undefined,
  operation: string,
): void {
  const { user: owner, project } = parseLabels(info.labels) ?? {};
  if (owner === undefined || owner === user) return;
  throw new SandboxError('PERMISSION_DENIED', `${info.name} belongs to another user`, {
    ...{ operation, runtime: adapter.runtime, sandbox: info.name },
    hint: `Use a ${project === undefined ? 'workspace' : 'project'} of your own, or have its owner remove it.`,
  });
}

/** As `checkUser`, of whatever has that name by now: since it was looked at, it may have been removed, and another user's made. */
export async function checkStillOf(
  services: Services,
  owned: {
    readonly adapter: RuntimeAdapter;
    readonly name: string;
    readonly user: string | undefined;
    readonly operation: string;
  },
): Promise<void> {
  const { adapter, name, user, operation } = owned;
  const info = await inspectAt(adapter, name, await services.registry.get(name), undefined);
  if (info !== undefined) checkUser({ adapter, info }, user, operation);
}
