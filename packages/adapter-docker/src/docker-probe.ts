import { type ProbeResult, SandboxError } from '@sandbox/core';
import {
  atLeast,
  describeEndpoint,
  type EngineClient,
  type EngineFacts,
  readFacts,
} from '@sandbox/docker-api';
import {
  DOCKER_CAPABILITIES,
  dockerCapabilities,
  dockerIdMapping,
  sharesHostFiles,
} from './docker-capabilities.ts';

export interface ProbeRequest {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly ociRuntime: string | undefined;
}

/** Engine 20.10, the oldest with private cgroup namespaces. */
const OLDEST_API = [1, 41] as const;

const INSTALL =
  'install Docker: https://docs.docker.com/engine/install/ (Debian: `sudo apt install docker.io`)';

export async function probeDocker(client: EngineClient, request: ProbeRequest): Promise<ProbeResult> {
  const { signal, timeoutMs } = request;
  try {
    const facts = await readFacts(client, { operation: 'probe', signal, timeoutMs });
    return fromFacts(facts, client, request);
  } catch (error) {
    return fromError(SandboxError.withContext(error, { operation: 'probe', runtime: 'docker' }), client);
  }
}

function fromFacts(facts: EngineFacts, client: EngineClient, { ociRuntime }: ProbeRequest): ProbeResult {
  const capabilities = dockerCapabilities(facts, ociRuntime);
  const found = { version: facts.version, endpoint: describeEndpoint(client.endpoint), capabilities };
  const unhealthy = (message: string, remedy: string): ProbeResult => ({
    status: 'unhealthy',
    message,
    remedy,
    ...found,
  });
  if (facts.osType !== 'linux') {
    return unhealthy(`Docker runs ${facts.osType} containers`, 'switch Docker Desktop to Linux containers');
  }
  const { architecture } = facts;
  if (!architecture)
    return unhealthy('Docker runs on an architecture without an agent', 'use a host with amd64 or arm64');
  if (!atLeast(facts, ...OLDEST_API)) {
    const [major, minor] = facts.apiVersion;
    return unhealthy(
      `Docker ${facts.version} is too old (API ${major}.${minor})`,
      'update Docker to 20.10 or later',
    );
  }
  if (ociRuntime !== undefined && !facts.ociRuntimes.includes(ociRuntime)) {
    return unhealthy(
      `Docker knows no OCI runtime ${ociRuntime}; it has ${facts.ociRuntimes.join(', ')}`,
      'register it in /etc/docker/daemon.json under "runtimes", or name another as ociRuntime',
    );
  }
  const caller = process.getuid && process.getgid && { uid: process.getuid(), gid: process.getgid() };
  return {
    status: 'healthy',
    message: `Docker ${facts.version} on ${facts.operatingSystem}, ${ociRuntime ?? facts.defaultOciRuntime}`,
    ...found,
    architecture,
    idMapping: dockerIdMapping(facts, caller || undefined),
    sharesHostFiles: sharesHostFiles(client.endpoint, facts),
    rootless: facts.rootless,
    warnings: facts.warnings,
  };
}

function fromError(error: SandboxError, client: EngineClient): ProbeResult {
  const answersNothing =
    error.code === 'UNAVAILABLE' && /\((ENOENT|ENOTFOUND|EAI_AGAIN)\)/.test(error.message);
  return {
    status: answersNothing ? 'undetected' : 'unhealthy',
    ...endpointOf(client),
    message: error.message,
    remedy: answersNothing ? INSTALL : (error.hint ?? 'look at the engine’s log: `journalctl -u docker`'),
    capabilities: DOCKER_CAPABILITIES,
  };
}

/** None where the options or the environment name something that is no address. */
function endpointOf(client: EngineClient): { endpoint?: string } {
  try {
    return { endpoint: describeEndpoint(client.endpoint) };
  } catch {
    return {};
  }
}
