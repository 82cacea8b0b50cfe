import { ADAPTER_API_VERSION, type RuntimeAdapter, SandboxError } from '@sandbox/core';
import {
  EngineClient,
  EngineImages,
  EngineSandboxes,
  EngineVolumes,
  type HostLimits,
  readFacts,
  readHostLimits,
} from '@sandbox/docker-api';
import { DOCKER_CAPABILITIES } from './docker-capabilities.ts';
import { dockerDialect } from './docker-dialect.ts';
import { realWorld, resolveEndpoint } from './docker-endpoint.ts';
import { DOCKER_DEFAULTS, type DockerAdapterOptions, dockerAdapterOptionsSchema } from './docker-options.ts';
import { probeDocker } from './docker-probe.ts';

/** Sandboxes on Docker Engine. Does no I/O: the engine is looked for with the first call. Wrong options throw `INVALID_ARGUMENT`. */
export function createDockerAdapter(options: DockerAdapterOptions = {}): RuntimeAdapter {
  check(options);
  const { ociRuntime, agentVolume = DOCKER_DEFAULTS.agentVolume } = options;
  const { probeMs, callMs } = { ...DOCKER_DEFAULTS.timeouts, ...options.timeouts };
  let warning: string | undefined;
  const client = new EngineClient({
    dialect: dockerDialect,
    endpoint() {
      const resolved = resolveEndpoint(options, realWorld());
      warning = resolved.warning;
      return resolved.endpoint;
    },
    callTimeoutMs: callMs ?? DOCKER_DEFAULTS.timeouts.callMs,
  });
  const sandboxes = new EngineSandboxes({
    client,
    agentVolume,
    ociRuntime,
    facts: () => readFacts(client, { operation: 'create' }),
    hostLimits: () => hostLimits(client),
  });
  const timeoutMs = probeMs ?? DOCKER_DEFAULTS.timeouts.probeMs;
  return {
    runtime: dockerDialect.runtime,
    apiVersion: ADAPTER_API_VERSION,
    capabilities: DOCKER_CAPABILITIES,
    async probe({ signal } = {}) {
      const found = await probeDocker(client, { signal, timeoutMs, ociRuntime });
      return warning === undefined ? found : { ...found, warnings: [warning, ...(found.warnings ?? [])] };
    },
    create: (spec, call) => sandboxes.create(spec, call),
    start: ((name, call) => sandboxes.start(name, call)) as RuntimeAdapter['start'],
    exec: (name, request, call) => sandboxes.exec(name, request, call),
    stop: (name, call) => sandboxes.stop(name, call),
    kill: (name, call) => sandboxes.stop(name, { ...call, graceMs: 0 }, 'kill'),
    remove: (name, call) => sandboxes.remove(name, call),
    inspect: (name, call) => sandboxes.inspect(name, call),
    list: (labels, call) => sandboxes.list(labels, call),
    sweep: (labels, call) => sandboxes.sweep(labels, call),
    stats: (name, call) => sandboxes.stats(name, call),
    images: new EngineImages(client),
    volumes: new EngineVolumes(client),
    close: async () => client.close(),
  };
}

/** Only an engine on this machine has limits that can be read here. */
async function hostLimits(client: EngineClient): Promise<HostLimits> {
  const local = client.endpoint.type === 'unix' && process.platform === 'linux';
  const own = process.env.XDG_RUNTIME_DIR;
  return readHostLimits(local ? ['/var/run/docker.pid', ...(own ? [`${own}/docker.pid`] : [])] : []);
}

function check(options: DockerAdapterOptions): void {
  const result = dockerAdapterOptionsSchema.safeParse(options);
  if (result.success) return;
  const [issue] = result.error.issues;
  const path = issue?.path.join('.') ?? '';
  throw new SandboxError('INVALID_ARGUMENT', `options of the Docker adapter: ${path}: ${issue?.message}`, {
    runtime: dockerDialect.runtime,
    operation: 'createDockerAdapter',
    cause: result.error,
  });
}
