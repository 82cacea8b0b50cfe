import { hostname } from 'node:os';
import { type ProbeResult, SandboxError, withDeadline } from '@sandbox/core';
import { describeEndpoint, type EngineClient, type EngineFacts } from '@sandbox/docker-api';
import type { PodmanConnection, PodmanFacts, PodmanHost } from '@sandbox/podman-client';
import { PODMAN_CAPABILITIES, podmanCapabilities, podmanIdMapping } from './podman-capabilities.ts';
import { seccompProfileFile } from './podman-seccomp.ts';

export interface ProbeRequest {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
}

const INSTALL =
  'install Podman: https://podman.io/docs/installation (Debian: `sudo apt install podman uidmap`)';

export async function probePodman(
  client: EngineClient,
  connection: PodmanConnection,
  request: ProbeRequest,
): Promise<ProbeResult> {
  const { signal, timeoutMs } = request;
  const context = { operation: 'probe', runtime: 'podman' };
  const ask = async (anew: boolean) => {
    const read = () => connection.facts(client, { operation: 'probe', anew });
    // Without the signal: others may be waiting for the same answer.
    return fromFacts(await withDeadline({ ...context, signal, ms: timeoutMs }, read), connection);
  };
  try {
    // Starting a service of our own takes its time.
    await connection.ready();
    await client.head({ operation: 'probe', signal, timeoutMs, method: 'GET', path: '/_ping' });
    const { isPrivate } = connection;
    const known = await ask(!isPrivate);
    // What stood in the way may have been put right.
    return known.status === 'healthy' || !isPrivate ? known : await ask(true);
  } catch (error) {
    return fromError(SandboxError.withContext(error, context), connection);
  }
}

function fromFacts({ engine: facts, host }: PodmanFacts, connection: PodmanConnection): ProbeResult {
  const seccompProfile = seccompProfileFile(host.seccompProfile);
  const capabilities = podmanCapabilities(facts, host, seccompProfile);
  const found = { version: facts.version, endpoint: describeEndpoint(connection.endpoint), capabilities };
  const { architecture } = facts;
  const problem = versionProblem(facts) ?? connection.hostProblem(host);
  if (problem) return { status: 'unhealthy', ...problem, ...found };
  const kind = host.rootless ? 'rootless' : 'rootful';
  const how = connection.isPrivate ? 'a service of our own' : 'its socket';
  return {
    status: 'healthy',
    message: `Podman ${facts.version}, ${kind}, ${host.ociRuntime}, through ${how}`,
    ...found,
    ...(architecture && { architecture }),
    idMapping: podmanIdMapping(host),
    sharesHostFiles: process.platform !== 'linux' || facts.hostName === hostname(),
    rootless: host.rootless,
    warnings: warningsOf(facts, host, connection),
  };
}

/** Why it cannot run sandboxes. */
function versionProblem(facts: EngineFacts): { message: string; remedy: string } | undefined {
  if (!facts.architecture || facts.osType !== 'linux') {
    return {
      message: 'Podman runs on an architecture without an agent',
      remedy: 'use a host with Linux on amd64 or arm64',
    };
  }
  if (Number.parseInt(facts.version, 10) < 4) {
    return { message: `Podman ${facts.version} is too old`, remedy: 'update Podman to 4.3 or later' };
  }
  return undefined;
}

function warningsOf(facts: EngineFacts, host: PodmanHost, connection: PodmanConnection): string[] {
  return [
    ...facts.warnings,
    ...(host.selinux ? ['SELinux is on: mounted host directories are labelled for containers (`z`)'] : []),
    ...(facts.storageDriver === 'vfs'
      ? [
          'the storage driver vfs copies the whole image for each sandbox: set driver = "overlay" in storage.conf',
        ]
      : []),
    ...(connection.isPrivate
      ? []
      : [
          'this Podman keeps a helper process (conmon) for 5 minutes after each session: set exit_command_delay = 1 under [engine] in containers.conf',
        ]),
  ];
}

function fromError(error: SandboxError, connection: PodmanConnection): ProbeResult {
  const nothing = error.code === 'UNAVAILABLE' && /\(ENOENT\)/.test(error.message);
  return {
    status: nothing ? 'undetected' : 'unhealthy',
    endpoint: describeEndpoint(connection.endpoint),
    message: error.message,
    remedy: nothing ? INSTALL : (error.hint ?? 'look at what `podman info` says'),
    capabilities: PODMAN_CAPABILITIES,
  };
}
