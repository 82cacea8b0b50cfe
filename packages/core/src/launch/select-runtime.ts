import type { ProbeResult, RuntimeAdapter } from '../adapter/adapter.ts';
import type { Facet } from '../adapter/capabilities.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { unavailable } from '../kept/find-sandbox.ts';
import { type EnforcementPlan, planEnforcement } from '../policy/plan-enforcement.ts';
import type { ResolvedPolicy } from '../policy/policy.ts';
import type { Services } from '../services/services.ts';

export interface RuntimeRequest {
  /** Id of an adapter, `auto`, or nothing: the only one, else `auto`. */
  readonly runtime?: string | undefined;
  readonly resolved: ResolvedPolicy;
  /** Whether a host directory is to be mounted. */
  readonly workspace: boolean;
  /** Facets that the runtime must have. */
  readonly facets?: readonly Facet[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SelectedRuntime {
  readonly adapter: RuntimeAdapter;
  readonly probe: ProbeResult;
  readonly plan: EnforcementPlan;
  /** Why this one, for a person. */
  readonly reason: string;
}

/** The adapter that was named. `NOT_FOUND` when there is none of that name. */
export function findAdapter(services: Services, runtime: string): RuntimeAdapter {
  const adapter = services.adapters.find((candidate) => candidate.runtime === runtime);
  if (adapter !== undefined) return adapter;
  const known = services.adapters.map((candidate) => candidate.runtime).join(', ');
  throw new SandboxError('NOT_FOUND', `there is no runtime ${JSON.stringify(runtime)} here`, {
    operation: 'select',
    hint: `Known runtimes: ${known}, or auto.`,
  });
}

/** The runtime for a new sandbox: the one that was named, or the best one that can enforce what was asked for. */
export async function selectRuntime(services: Services, request: RuntimeRequest): Promise<SelectedRuntime> {
  const { adapters } = services;
  const [only] = adapters;
  const runtime = request.runtime ?? (adapters.length === 1 ? only?.runtime : 'auto');
  if (runtime !== undefined && runtime !== 'auto') {
    const adapter = findAdapter(services, runtime);
    const considered = consider(adapter, await services.probes.probe(adapter, request.signal), request);
    return { ...considered, reason: request.runtime === undefined ? 'the only one' : 'asked for by name' };
  }
  if (adapters.length === 1 && only !== undefined) {
    return {
      ...consider(only, await services.probes.probe(only, request.signal), request),
      reason: 'the only one',
    };
  }
  return selectBest(services, request);
}

async function selectBest(services: Services, request: RuntimeRequest): Promise<SelectedRuntime> {
  const probed = await Promise.all(
    services.adapters.map(async (adapter) => ({
      adapter,
      probe: await services.probes.probe(adapter, request.signal),
    })),
  );
  const refusals: SandboxError[] = [];
  for (const { adapter, probe } of probed.sort((one, other) => autoRank(one.probe) - autoRank(other.probe))) {
    try {
      return { ...consider(adapter, probe, request), reason: autoReason(adapter, refusals) };
    } catch (error) {
      refusals.push(SandboxError.withContext(error, { runtime: adapter.runtime }));
    }
  }
  throw noneLeft(refusals);
}

function autoReason({ runtime }: RuntimeAdapter, refusals: readonly SandboxError[]): string {
  const first = `auto: ${runtime} is the first that can do what was asked for`;
  if (refusals.length === 0) return first;
  return `${first}; passed over: ${refusals.map((error) => `${error.runtime} (${error.message})`).join(', ')}`;
}

/** The order in which `auto` takes runtimes, lowest first: the strongest boundary, and engines without root rights before those with. Pure. */
export function autoRank({ capabilities, rootless }: ProbeResult): number {
  if (capabilities.boundary === 'vm') return 0;
  if (capabilities.boundary === 'process') return 3;
  return rootless ? 1 : 2;
}

/** Whether this runtime can do it here; throws what stands against it. */
function consider(
  adapter: RuntimeAdapter,
  probe: ProbeResult,
  request: RuntimeRequest,
): Omit<SelectedRuntime, 'reason'> {
  const { runtime } = adapter;
  if (probe.status !== 'healthy') throw unavailable(adapter, probe, 'probe');
  for (const facet of request.facets ?? []) {
    const { support, how } = probe.capabilities.facets[facet];
    if (support !== 'unsupported') continue;
    const what = facet === 'volumes' ? facet : `${facet} sandboxes`;
    throw new SandboxError('UNSUPPORTED', `${runtime} has no ${what} here: ${how}`, {
      operation: 'select',
      runtime,
    });
  }
  const { resolved, workspace } = request;
  return {
    adapter,
    probe,
    plan: planEnforcement({ resolved, capabilities: probe.capabilities, runtime, workspace }),
  };
}

function noneLeft(refusals: readonly SandboxError[]): SandboxError {
  const reasons = refusals.map((error) => `${error.runtime}: ${error.message}`);
  const hints = refusals.flatMap((error) => (error.hint ? [`${error.runtime}: ${error.hint}`] : []));
  return new SandboxError('UNAVAILABLE', `no runtime here can run this sandbox (${reasons.join('; ')})`, {
    operation: 'select',
    hint: hints.length > 0 ? hints.join(' ') : undefined,
    cause: new AggregateError(refusals, 'what stands against each runtime'),
  });
}
