import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AgentSpec,
  formatInstance,
  judgeInstance,
  LABEL,
  lookupProcess,
  readInstance,
  SandboxError,
} from '@sandbox/core';
import { ContainerArchive } from './archive.ts';
import type { EngineClient } from './client.ts';
import { AGENT_TARGET } from './container-spec.ts';
import { describeEndpoint } from './endpoint.ts';
import { saysGone } from './errors.ts';
import { withHelper } from './helper-container.ts';
import { type ContainerAnswer, labelsOf } from './inspect.ts';
import { removeContainer } from './removal.ts';
import { EngineVolumes } from './volumes.ts';

const AGENT_MODE = 0o111;
/** How long another program's filling may take before it counts as dead, where that cannot be seen. */
const FILLING_MS = 30_000;

interface Call {
  readonly operation: string;
  readonly sandbox: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The volume with the agents: a directory for each digest, with one file, mode 0111, owner 0, that no guest can read or replace. It is only ever added to, by
 * archive uploads into a container that is never started, and looked at through the container that is about to use it.
 */
export class AgentVolume {
  readonly name: string;
  readonly #client: EngineClient;
  /** Agents that this program has seen in volumes, by what tells one volume from another of its name: to look costs some engines a process. */
  static readonly #seen = new Set<string>();
  readonly #binaries = new Map<string, Promise<Buffer>>();

  constructor(client: EngineClient, name: string) {
    this.#client = client;
    this.name = name;
  }

  /** Makes sure that the container `id`, which has the volume at `/.sandbox`, finds its agent there. */
  async provide(
    id: string,
    request: { agent: AgentSpec; architecture: 'amd64' | 'arm64'; image: string } & Call,
  ): Promise<void> {
    const { agent, architecture, image, ...call } = request;
    const binary = await this.#binary(agent, architecture);
    // The container's mount has made it, unless somebody else's was there: that is refused.
    const volumes = new EngineVolumes(this.#client);
    const { createdAt } = await volumes.ensure(this.name, {}, { signal: call.signal });
    const endpoint = describeEndpoint(this.#client.endpoint);
    const known = JSON.stringify([endpoint, this.name, createdAt, agent.digest, binary.length]);
    if (AgentVolume.#seen.has(known)) return;
    const archive = new ContainerArchive(this.#client, id, call);
    const isThere = async () => {
      const stat = await archive.stat(`${AGENT_TARGET}/${agent.digest}/agent`);
      return stat?.isFile === true && stat.size === binary.length && stat.mode === AGENT_MODE;
    };
    const end = performance.now() + 2 * FILLING_MS;
    while (!(await isThere())) {
      if (performance.now() > end) throw this.#failure(agent, call);
      await this.#fill(agent.digest, binary, image, call);
    }
    AgentVolume.#seen.add(known);
  }

  /** What has been seen is looked at again. */
  forget(): void {
    AgentVolume.#seen.clear();
  }

  /** Fills, or waits for who fills. The helper's name is the lock: an engine gives each only once. */
  async #fill(digest: string, binary: Buffer, image: string, call: Call): Promise<void> {
    const name = `${this.name}-fill-${digest.slice(0, 12)}`;
    const mounts = [{ volume: this.name, target: AGENT_TARGET }];
    const owner = { uid: 0, gid: 0 };
    // Should we be killed now, cleanup takes it for an ephemeral sandbox of ours, which it might as well be.
    const labels = {
      [LABEL.name]: name,
      [LABEL.lifecycle]: 'ephemeral',
      [LABEL.instance]: formatInstance(readInstance()),
    };
    try {
      await withHelper(this.#client, { name, image, labels, mounts }, call, async (archive) => {
        await archive.put(AGENT_TARGET, [
          { name: `${digest}/`, mode: 0o755, ...owner },
          { name: `${digest}/agent`, mode: AGENT_MODE, ...owner, content: binary },
        ]);
        const written = await archive.get(`${AGENT_TARGET}/${digest}/agent`, binary.length);
        const isRoots = this.#client.dialect.hidesOwners || written?.uid === 0;
        const right = isRoots && written?.mode === AGENT_MODE && hash(written.content) === hash(binary);
        if (!right) throw this.#failure({ digest }, call);
      });
    } catch (error) {
      if (!(SandboxError.is(error) && error.code === 'ALREADY_EXISTS')) throw error;
      await this.#waitForOther(name, call);
    }
  }

  async #waitForOther(name: string, call: Call): Promise<void> {
    const path = `/containers/${encodeURIComponent(name)}/json`;
    const end = performance.now() + FILLING_MS;
    try {
      while (performance.now() < end) {
        const { Config } = await this.#client.json<ContainerAnswer>({ ...call, method: 'GET', path });
        if (!mayBeAlive(labelsOf(Config.Labels)[LABEL.instance])) break;
        await sleep(20);
      }
      await removeContainer(this.#client, name, call);
    } catch (error) {
      if (!saysGone(error)) throw error;
    }
  }

  #binary({ digest, path }: AgentSpec, architecture: 'amd64' | 'arm64'): Promise<Buffer> {
    const key = `${digest}/${architecture}`;
    let binary = this.#binaries.get(key);
    if (!binary) {
      // A rejected read is not kept.
      binary = Promise.resolve().then(() => readFile(path(architecture)));
      binary.catch(() => this.#binaries.delete(key));
      this.#binaries.set(key, binary);
    }
    return binary;
  }

  #failure({ digest }: Pick<AgentSpec, 'digest'>, call: Call): SandboxError {
    const { runtime, title, command } = this.#client.dialect;
    return new SandboxError(
      'UNAVAILABLE',
      `${title} did not keep the agent ${digest} in the volume ${this.name}`,
      {
        operation: call.operation,
        sandbox: call.sandbox,
        runtime,
        hint: `when no sandbox is there, remove the volume: ${command} volume rm ${this.name}`,
      },
    );
  }
}

function mayBeAlive(instance: string | undefined): boolean {
  return judgeInstance(instance, readInstance(), lookupProcess) !== 'dead';
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
