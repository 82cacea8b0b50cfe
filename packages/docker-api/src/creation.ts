import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AgentSpec,
  type CallOptions,
  type CreateResult,
  LABEL,
  SandboxError,
  type SandboxSpec,
} from '@sandbox/core';
import { AgentVolume } from './agent-volume.ts';
import type { ContainerBody } from './container-body.ts';
import { postContainer } from './container-create.ts';
import { containerBody, type HostLimits } from './container-spec.ts';
import { ENGINE_NETWORK, inspectPath } from './dialect.ts';
import type { EngineFacts } from './engine-facts.ts';
import type { EngineSetup } from './engine-setup.ts';
import { deadlineError, messageOf } from './errors.ts';
import { prepareGuestFiles } from './guest-files.ts';
import { type ContainerAnswer, infoOf } from './inspect.ts';
import { Memo } from './memo.ts';
import { bridgeName, IsolatedBridge } from './network.ts';
import { hasDiskQuota, hasRecursiveReadOnly } from './read-engine-facts.ts';
import { readback } from './readback.ts';
import { removeContainer } from './removal.ts';
import { EngineVolumes } from './volumes.ts';

/** How long a failed `create` cleans up before it reports; a hung engine must not hold the report up for longer. */
const UNDO_MS = 3_000;

type Undo = (() => Promise<unknown>)[];

/** With the bridge that was made for it, or is shared with it. */
type Created = CreateResult & { readonly network: string | undefined };

interface Call {
  readonly operation: string;
  readonly sandbox: string;
  readonly signal?: AbortSignal | undefined;
}

/** Makes sandboxes: all or nothing. */
export class Creation {
  readonly agents: AgentVolume;
  readonly #setup: EngineSetup;
  readonly #volumes: EngineVolumes;
  readonly #bridge: IsolatedBridge;
  readonly #facts = new Memo<EngineFacts>();
  readonly #hostLimits = new Memo<HostLimits>();
  /** For each digest: whether its agent is known to be in the volume. */
  readonly #provided = new Map<string, Memo<void>>();

  constructor(setup: EngineSetup) {
    this.#setup = setup;
    this.#volumes = new EngineVolumes(setup.client);
    this.#bridge = new IsolatedBridge(setup.client);
    this.agents = new AgentVolume(setup.client, setup.agentVolume);
  }

  async create(spec: SandboxSpec, { signal }: CallOptions = {}): Promise<Created> {
    const call = { operation: 'create', sandbox: spec.name, signal };
    const undo: Undo = [];
    try {
      return await this.#create(spec, call, undo);
    } catch (error) {
      const undone = (async () => {
        for (const step of undo.reverse()) await step().catch(() => {});
      })();
      await Promise.race([undone, sleep(UNDO_MS)]);
      const { runtime } = this.#setup.client.dialect;
      throw SandboxError.withContext(error, { operation: 'create', runtime, sandbox: spec.name });
    }
  }

  /** Makes sure that a container finds this agent at `/.sandbox`. `image` is any that the engine has. */
  async provideAgent(id: string, agent: AgentSpec, image: string, call: Call): Promise<void> {
    const architecture = this.#architecture(await this.#factsOfEngine(), call);
    await this.#provide(agent.digest, () => this.agents.provide(id, { agent, architecture, image, ...call }));
  }

  /** The agents are looked at again with the next sandbox: somebody may have removed the volume. */
  forgetAgents(): void {
    this.#provided.clear();
    this.agents.forget();
  }

  async #create(spec: SandboxSpec, call: Call, undo: Undo): Promise<Created> {
    const { client } = this.#setup;
    const [facts, hostLimits] = await Promise.all([
      this.#factsOfEngine(),
      this.#hostLimits.get(() => this.#setup.hostLimits()),
    ]);
    this.#architecture(facts, call);
    await this.#setup.check?.(spec, facts);
    const network = this.#bridgeFor(spec, facts);
    const body = containerBody(spec, {
      dialect: client.dialect,
      agentVolume: this.agents.name,
      networkName: network ?? ENGINE_NETWORK,
      ociRuntime: this.#setup.ociRuntime,
      recursiveReadOnly: hasRecursiveReadOnly(facts),
      processors: facts.processors,
      diskQuota: hasDiskQuota(facts),
      hostLimits,
    });
    await this.#makeSurroundings(spec, network, call, undo);
    const id = await this.#makeContainer(spec.name, body, call, undo);
    await this.provideAgent(id, spec.agent, body.Image, call);
    const answer = await client.json<ContainerAnswer>({
      ...call,
      method: 'GET',
      path: inspectPath(client.dialect, id),
    });
    await prepareGuestFiles(client, { id, image: answer.Image }, spec, call);
    return { info: infoOf(answer), readback: readback(spec, answer), network };
  }

  /** The bridge that it needs of us. */
  #bridgeFor(spec: SandboxSpec, facts: EngineFacts): string | undefined {
    if (spec.network === 'none') return undefined;
    return bridgeName(this.#setup.client.dialect, { ...spec.labels, [LABEL.name]: spec.name }, facts);
  }

  #factsOfEngine(): Promise<EngineFacts> {
    return this.#facts.get(() => this.#setup.facts());
  }

  async #makeSurroundings(
    spec: SandboxSpec,
    network: string | undefined,
    call: Call,
    undo: Undo,
  ): Promise<void> {
    for (const mount of spec.mounts) {
      if (mount.type !== 'volume') continue;
      const labels = mount.labels ?? { ...spec.labels, [LABEL.name]: spec.name };
      const { made } = await this.#volumes.make(mount.volume, labels, { signal: call.signal });
      if (made) undo.push(() => this.#volumes.remove(mount.volume));
    }
    if (network === undefined) return;
    undo.push(() => this.#bridge.removeUnused(network, { ...call, signal: undefined }));
    await this.#bridge.ensure(network, spec.labels, call);
  }

  /** A caller who gives up is answered at once, but the engine goes on: what it then made is removed. */
  async #makeContainer(
    name: string,
    body: ContainerBody,
    { signal, ...call }: Call,
    undo: Undo,
  ): Promise<string> {
    const { client } = this.#setup;
    const making = postContainer(client, name, body, call).catch((error) => {
      if (!/unable to find network|network \S+ not found/i.test(messageOf(error))) throw error;
      // Of several programs that make one of this name, each takes what the others made before for a rest of an earlier one.
      const raced = `another program makes or removes ${name} at this moment`;
      throw new SandboxError('ALREADY_EXISTS', raced, { ...call, hint: 'Try again.', cause: error });
    });
    undo.push(async () => removeContainer(client, await making, call));
    return unlessAborted(making, signal, () =>
      deadlineError({ dialect: client.dialect, ...call }, 'aborted', null),
    );
  }

  async #provide(digest: string, provide: () => Promise<void>): Promise<void> {
    let memo = this.#provided.get(digest);
    if (!memo) {
      memo = new Memo();
      this.#provided.set(digest, memo);
    }
    let mine = false;
    try {
      await memo.get(() => {
        mine = true;
        return provide();
      });
    } catch (error) {
      if (mine) throw error;
      // Another sandbox's attempt failed, perhaps because its caller gave up.
      await provide();
    }
  }

  /** Of the guests; `UNSUPPORTED` for guests that there is no agent for. */
  #architecture({ osType, architecture }: EngineFacts, call: Call): 'amd64' | 'arm64' {
    if (architecture && osType === 'linux') return architecture;
    const { runtime, title } = this.#setup.client.dialect;
    const guests = osType === 'linux' ? 'an architecture without an agent' : osType;
    throw new SandboxError(
      'UNSUPPORTED',
      `${title} has guests of ${guests}; sandboxes need Linux on amd64 or arm64`,
      {
        operation: call.operation,
        sandbox: call.sandbox,
        runtime,
      },
    );
  }
}

async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  error: () => Error,
): Promise<T> {
  if (!signal) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(error());
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  promise.catch(() => {});
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
