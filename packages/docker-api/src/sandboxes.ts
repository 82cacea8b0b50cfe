import {
  type CallOptions,
  type CreateResult,
  type ExecSpec,
  LABEL,
  type ListCallOptions,
  type RawProcess,
  SandboxError,
  type SandboxInfo,
  type SandboxSpec,
  type SandboxStats,
} from '@sandbox/core';
import type { EngineClient } from './client.ts';
import { isName } from './container-spec.ts';
import { Creation } from './creation.ts';
import { inspectPath } from './dialect.ts';
import type { EngineSetup } from './engine-setup.ts';
import { saysGone, statusOf } from './errors.ts';
import { type ContainerAnswer, type ContainerRow, infoOf, infoOfRow, isOurs } from './inspect.ts';
import { bridgeName, IsolatedBridge } from './network.ts';
import { openExec, openMain, runningExecs } from './processes.ts';
import { readback } from './readback.ts';
import { removeContainer } from './removal.ts';
import { type StatsAnswer, statsOf } from './stats.ts';
import { EngineVolumes, labelFilter } from './volumes.ts';

interface Known {
  readonly id: string;
  readonly ephemeral: boolean;
  readonly image: string;
  /** Our bridge, where it is on it. */
  readonly network: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** The engine has told us that it has removed it. */
  removed?: boolean;
}

interface Call {
  readonly operation: string;
  readonly sandbox: string;
  readonly signal?: AbortSignal | undefined;
}

/** The lifecycle half of the contract, over any engine that speaks the Docker API. */
export class EngineSandboxes {
  readonly #client: EngineClient;
  readonly #creation: Creation;
  readonly #volumes: EngineVolumes;
  /** What this process has made or seen: an id is never used twice, so that a name need not be looked up for each call. */
  readonly #known = new Map<string, Known>();

  constructor(setup: EngineSetup) {
    this.#client = setup.client;
    this.#creation = new Creation(setup);
    this.#volumes = new EngineVolumes(setup.client);
  }

  async create(spec: SandboxSpec, options?: CallOptions): Promise<CreateResult> {
    const { network, ...result } = await this.#creation.create(spec, options);
    const { id = '' } = result.info;
    this.#known.set(spec.name, {
      id,
      ephemeral: spec.lifecycle === 'ephemeral',
      image: result.info.image ?? '',
      network,
      labels: spec.labels,
    });
    return result;
  }

  start(name: string, options: CallOptions & { readonly attach: true }): Promise<RawProcess>;
  start(name: string, options?: CallOptions & { readonly attach?: boolean }): Promise<RawProcess | undefined>;
  async start(
    name: string,
    { attach = false, signal }: CallOptions & { readonly attach?: boolean } = {},
  ): Promise<RawProcess | undefined> {
    const call = { operation: 'start', sandbox: name, signal };
    try {
      return await this.#with(call, async (known) => {
        const { id, ephemeral, network, labels } = known;
        if (network) await new IsolatedBridge(this.#client).keep(network, labels, call);
        const onRemoved = () => {
          known.removed = true;
        };
        if (attach) return openMain(this.#client, id, ephemeral, call, onRemoved);
        await this.#client.json({ ...call, method: 'POST', path: `/containers/${id}/start` });
        return undefined;
      });
    } catch (error) {
      // Perhaps somebody has removed the volume with the agents; the next sandbox looks.
      this.#creation.forgetAgents();
      throw error;
    }
  }

  async exec(name: string, request: ExecSpec, { signal }: CallOptions = {}): Promise<RawProcess> {
    const call = { operation: 'exec', sandbox: name, signal };
    return this.#with(call, async ({ id, image }) => {
      if (request.agent) await this.#creation.provideAgent(id, request.agent, image, call);
      return openExec(this.#client, id, request, call);
    });
  }

  async stop(
    name: string,
    { graceMs = 0, signal }: CallOptions & { readonly graceMs?: number } = {},
    operation = 'stop',
  ): Promise<void> {
    const call = { operation, sandbox: name, signal };
    try {
      await this.#with(call, async ({ id }) => {
        if (graceMs > 0 && (await this.#endsOnTerm(id, graceMs, call))) return;
        await this.#client.json({ ...call, method: 'POST', path: `/containers/${id}/stop`, query: { t: 0 } });
      });
    } catch (error) {
      if (!isNotFound(error) && !saysGone(error)) throw error;
    }
  }

  async remove(
    name: string,
    { volumes = false, signal }: CallOptions & { readonly volumes?: boolean } = {},
  ): Promise<void> {
    const call = { operation: 'remove', sandbox: name, signal };
    const known = this.#known.get(name);
    this.#known.delete(name);
    const wasThere = known && !known.removed && (await removeContainer(this.#client, known.id, call));
    // Another program may have removed it, and made another of its name.
    const answer = known?.removed || wasThere ? undefined : await this.#find(call);
    if (answer && !isOurs(answer.Config.Labels)) throw this.#foreign(call);
    if (answer) await removeContainer(this.#client, answer.Id, call);
    const network = known ? known.network : this.#networkOf(name, answer);
    if (network) await new IsolatedBridge(this.#client).removeUnused(network, call);
    if (volumes) await this.#volumes.removeOf(name, { signal });
  }

  async inspect(
    name: string,
    { signal, spec }: CallOptions & { readonly spec?: SandboxSpec } = {},
  ): Promise<SandboxInfo> {
    const call = { operation: 'inspect', sandbox: name, signal };
    const answer = await this.#get(call);
    const info = { ...infoOf(answer), ...(spec && { readback: readback(spec, answer) }) };
    if (!this.#client.dialect.listsEndedExecs || !info.sessions) return info;
    return { ...info, sessions: await runningExecs(this.#client, answer.ExecIDs ?? [], call) };
  }

  async list(
    labels: Readonly<Record<string, string>> = {},
    { signal, sizes = false }: ListCallOptions = {},
  ): Promise<SandboxInfo[]> {
    const rows = await this.#client.json<ContainerRow[]>({
      operation: 'list',
      signal,
      method: 'GET',
      path: '/containers/json',
      query: { all: 1, filters: labelFilter(labels), ...(sizes && { size: 1 }) },
    });
    const wanted = Object.entries(labels);
    const infos = rows.map((row) => infoOfRow(row, sizes));
    return infos.filter((info) => wanted.every(([key, value]) => info.labels[key] === value));
  }

  async sweep(
    labels: Readonly<Record<string, string>> = {},
    { signal, all = false }: CallOptions & { readonly all?: boolean } = {},
  ): Promise<void> {
    const call = { operation: 'sweep', sandbox: '', signal };
    await new IsolatedBridge(this.#client).removeLeft(labels, call, { all });
  }

  async stats(name: string, { signal }: CallOptions = {}): Promise<SandboxStats> {
    const call = { operation: 'stats', sandbox: name, signal };
    const answer = await this.#with(call, ({ id }) =>
      this.#client.json<StatsAnswer | undefined>({
        ...call,
        method: 'GET',
        path: `/containers/${id}/stats`,
        query: { stream: 0, 'one-shot': 1 },
      }),
    );
    const stats = statsOf(answer);
    if (!stats) throw this.#error('FAILED_PRECONDITION', `${name} is not running`, call);
    return stats;
  }

  /** TERM, then up to `graceMs` for the main process to end. */
  async #endsOnTerm(id: string, graceMs: number, call: Call): Promise<boolean> {
    const path = `/containers/${id}`;
    try {
      await this.#client.json({
        ...call,
        method: 'POST',
        path: `${path}/kill`,
        query: { signal: 'SIGTERM' },
      });
      await this.#client.json({
        ...call,
        method: 'POST',
        path: `${path}/wait`,
        query: { condition: 'not-running' },
        timeoutMs: graceMs,
      });
      return true;
    } catch (error) {
      // 409: it does not run. A grace that is over, or a wait that failed, is followed by KILL.
      if (call.signal?.aborted || saysGone(error)) throw error;
      return statusOf(error) === 409;
    }
  }

  /** Does the work with the id of a name. An id that has gone was perhaps given up for another sandbox of the same name: then once more. */
  async #with<T>(call: Call, work: (known: Known) => Promise<T>): Promise<T> {
    const cached = this.#known.get(call.sandbox);
    if (cached) {
      try {
        return await work(cached);
      } catch (error) {
        if (!saysGone(error) || (await this.#find(call))?.Id === cached.id) throw error;
        this.#known.delete(call.sandbox);
      }
    }
    const answer = await this.#get(call);
    const known: Known = {
      id: answer.Id,
      ephemeral: answer.HostConfig.AutoRemove === true,
      image: answer.Image,
      network: this.#networkOf(call.sandbox, answer),
      labels: answer.Config.Labels ?? {},
    };
    this.#known.set(call.sandbox, known);
    return work(known);
  }

  async #get(call: Call): Promise<ContainerAnswer> {
    const answer = await this.#find(call);
    if (answer && isOurs(answer.Config.Labels)) return answer;
    throw this.#error('NOT_FOUND', `there is no sandbox ${call.sandbox}`, call);
  }

  async #find(call: Call): Promise<ContainerAnswer | undefined> {
    if (!isName(call.sandbox)) return undefined;
    const path = inspectPath(this.#client.dialect, call.sandbox);
    try {
      const answer = await this.#client.json<ContainerAnswer>({ ...call, method: 'GET', path });
      // Engines also take the beginning of an id for a name.
      return infoOf(answer).name === call.sandbox ? answer : undefined;
    } catch (error) {
      if (saysGone(error)) return undefined;
      throw error;
    }
  }

  /** Our own bridge, where the container is on it. Of a sandbox that is gone only its own may be left. */
  #networkOf(sandbox: string, answer: ContainerAnswer | undefined): string | undefined {
    const { dialect } = this.#client;
    const labels = { ...answer?.Config.Labels, [LABEL.name]: sandbox };
    const name = bridgeName(dialect, labels);
    if (!answer) return dialect.networks && isName(sandbox) ? name : undefined;
    const isOn =
      answer.HostConfig.NetworkMode === name || Object.hasOwn(answer.NetworkSettings?.Networks ?? {}, name);
    return isOn ? name : undefined;
  }

  #foreign(call: Call): SandboxError {
    return this.#error('FAILED_PRECONDITION', `the container ${call.sandbox} is not a sandbox of ours`, call);
  }

  #error(
    code: 'NOT_FOUND' | 'FAILED_PRECONDITION',
    message: string,
    { operation, sandbox }: Call,
  ): SandboxError {
    return new SandboxError(code, message, { operation, sandbox, runtime: this.#client.dialect.runtime });
  }
}

function isNotFound(error: unknown): boolean {
  return SandboxError.is(error) && error.code === 'NOT_FOUND';
}
