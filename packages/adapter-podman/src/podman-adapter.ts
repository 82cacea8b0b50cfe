import { existsSync } from 'node:fs';
import { ADAPTER_API_VERSION, type ErrorCode, type RuntimeAdapter, SandboxError } from '@sandbox/core';
import {
  type ContainerBody,
  EngineClient,
  EngineImages,
  EngineSandboxes,
  EngineVolumes,
} from '@sandbox/docker-api';
import { LIBPOD, PodmanConnection, type PodmanFacts, takeStore } from '@sandbox/podman-client';
import { PODMAN_CAPABILITIES, podmanCapabilities } from './podman-capabilities.ts';
import { podmanDialect } from './podman-dialect.ts';
import { PODMAN_DEFAULTS, type PodmanAdapterOptions, podmanAdapterOptionsSchema } from './podman-options.ts';
import { probePodman } from './podman-probe.ts';
import { seccompProfileFile } from './podman-seccomp.ts';
import { checkPodmanSpec, type PodmanSpecContext, podmanContainer } from './podman-spec.ts';

/** Podman does most things under locks that it shares with its helper processes: with more at a time, single calls starve. */
const CALLS_AT_ONCE = 16;

/** Sandboxes on Podman. Does no I/O: Podman is looked for, or started, with the first call. Wrong options throw `INVALID_ARGUMENT`. */
export function createPodmanAdapter(options: PodmanAdapterOptions = {}): RuntimeAdapter {
  check(options);
  const { agentVolume = PODMAN_DEFAULTS.agentVolume } = options;
  const { probeMs, callMs } = { ...PODMAN_DEFAULTS.timeouts, ...options.timeouts };
  const connection = new PodmanConnection(options);
  let seccompProfile: string | undefined;
  const contextOf = async (): Promise<PodmanSpecContext & PodmanFacts> => {
    const facts = await connection.facts(client, { operation: 'create' });
    // Somebody may have emptied the cache that it is in.
    if (seccompProfile === undefined || !existsSync(seccompProfile)) {
      seccompProfile = seccompProfileFile(facts.host.seccompProfile);
    }
    return { ...facts, seccompProfile };
  };
  const createContainer = async (name: string, body: ContainerBody) => ({
    path: `${LIBPOD}/containers/create`,
    body: podmanContainer(name, body, await contextOf()),
  });
  const dialect = podmanDialect(createContainer);
  const client = new EngineClient({
    dialect,
    endpoint: () => connection.endpoint,
    ready: () => connection.ready(),
    callsAtOnce: CALLS_AT_ONCE,
    callTimeoutMs: callMs ?? PODMAN_DEFAULTS.timeouts.callMs,
  });
  const sandboxes = new EngineSandboxes({
    client,
    agentVolume,
    facts: async () => (await contextOf()).engine,
    hostLimits: async () => (await contextOf()).limits,
    async check(spec) {
      const context = await contextOf();
      const problem = connection.hostProblem(context.host);
      if (problem)
        throw failure('FAILED_PRECONDITION', 'create', problem.message, {
          hint: problem.remedy,
          sandbox: spec.name,
        });
      checkPodmanSpec(
        spec,
        context.host,
        podmanCapabilities(context.engine, context.host, context.seccompProfile),
      );
    },
  });
  const timeoutMs = probeMs ?? PODMAN_DEFAULTS.timeouts.probeMs;
  return {
    runtime: dialect.runtime,
    apiVersion: ADAPTER_API_VERSION,
    capabilities: PODMAN_CAPABILITIES,
    probe: ({ signal } = {}) => probePodman(client, connection, { signal, timeoutMs }),
    create: (spec, call) => sandboxes.create(spec, call),
    start: ((name, call) => sandboxes.start(name, call)) as RuntimeAdapter['start'],
    exec: (name, request, call) => sandboxes.exec(name, request, call),
    stop: (name, call) => sandboxes.stop(name, call),
    kill: (name, call) => sandboxes.stop(name, { ...call, graceMs: 0 }, 'kill'),
    remove: (name, call) => sandboxes.remove(name, call),
    inspect: (name, call) => sandboxes.inspect(name, call),
    list: (labels, call) => sandboxes.list(labels, call),
    sweep: (labels, call) => sandboxes.sweep(labels, call),
    async stats(name, call) {
      const refused = !call?.signal?.aborted && (await contextOf()).host.withoutCgroups;
      if (!refused) return sandboxes.stats(name, call);
      throw failure('UNSUPPORTED', 'stats', 'rootless Podman has no stats with cgroup v1', { sandbox: name });
    },
    images: new EngineImages(client, async (what, turn) => {
      const { runRoot } = await connection.facts(client, turn);
      return takeStore(runRoot, what, turn);
    }),
    volumes: new EngineVolumes(client),
    async close() {
      client.close();
      connection.close();
    },
  };
}

function failure(
  code: ErrorCode,
  operation: string,
  message: string,
  more: { hint?: string; sandbox?: string; cause?: unknown },
): SandboxError {
  return new SandboxError(code, message, { runtime: 'podman', operation, ...more });
}

function check(options: PodmanAdapterOptions): void {
  const result = podmanAdapterOptionsSchema.safeParse(options);
  if (result.success) return;
  const [issue] = result.error.issues;
  const message = `options of the Podman adapter: ${issue?.path.join('.')}: ${issue?.message}`;
  throw failure('INVALID_ARGUMENT', 'createPodmanAdapter', message, { cause: result.error });
}
