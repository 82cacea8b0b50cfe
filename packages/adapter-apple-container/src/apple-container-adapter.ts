import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import {
  AppleContainerImages,
  AppleContainerVolumes,
  ARCHITECTURE,
  type ClientProcess,
  type ContainerAnswer,
  carries,
  clientProcess,
  containerCli,
  infoOf,
  programError,
  RUNTIME,
  unless,
} from '@sandbox/apple-container-client';
import {
  ADAPTER_API_VERSION,
  type CallOptions,
  type CreateResult,
  type ExecSpec,
  type ExtraInfo,
  LABEL,
  type ProbeResult,
  type RawProcess,
  type RuntimeAdapter,
  SandboxError,
  type SandboxInfo,
  type SandboxSpec,
  type SandboxStats,
} from '@sandbox/core';
import { AgentDirectory, type CommandLine, defaultStateDirectory } from '@sandbox/daemonless';
import { APPLE_CONTAINER_CAPABILITIES } from './apple-container-capabilities.ts';
import {
  type AppleContainerAdapterOptions,
  appleContainerAdapterOptionsSchema,
} from './apple-container-options.ts';
import { probeAppleContainer } from './apple-container-probe.ts';
import { readback } from './apple-container-readback.ts';
import { accountArgs, createArgs, execArgs, ownerArgs } from './apple-container-spec.ts';

type Labels = Readonly<Record<string, string>>;

/** What a `create` has asked for so far, beside the sandbox itself. */
interface Made {
  readonly volumes: { readonly name: string; readonly labels: Labels }[];
  readonly helpers: string[];
}

/** What a failed `create` may take to clear up after itself. */
const UNDO_MS = 5_000;

/** On a Mac the directory is served by a process of this user, which has to be able to read the file. */
const AGENT_MODE = process.platform === 'darwin' ? 0o555 : 0o111;

/** Sandboxes in virtual machines of Apple's `container`. Does no I/O: the program is looked for with the first call. Wrong options throw `INVALID_ARGUMENT`. */
export function createAppleContainerAdapter(options: AppleContainerAdapterOptions = {}): RuntimeAdapter {
  const { error } = appleContainerAdapterOptionsSchema.safeParse(options);
  if (error !== undefined) {
    const [issue] = error.issues;
    const message = `options of the apple-container adapter: ${issue?.path.join('.')}: ${issue?.message}`;
    throw new SandboxError('INVALID_ARGUMENT', message, { runtime: RUNTIME, cause: error });
  }
  const { program = process.env.APPLE_CONTAINER_PATH || 'container', timeouts = {} } = options;
  const { probeMs = 5_000, callMs = 60_000 } = timeouts;
  const state = defaultStateDirectory(RUNTIME, process.env, process.getuid?.() === 0);
  const agents = new AgentDirectory(options.agentDirectory ?? join(state, 'agents'), AGENT_MODE);
  return new AppleContainerAdapter(containerCli(program, callMs), agents, probeMs);
}

export class AppleContainerAdapter implements RuntimeAdapter {
  readonly runtime = RUNTIME;
  readonly apiVersion = ADAPTER_API_VERSION;
  readonly capabilities = APPLE_CONTAINER_CAPABILITIES;
  readonly images: AppleContainerImages;
  readonly volumes: AppleContainerVolumes;
  readonly #cli: CommandLine;
  readonly #agents: AgentDirectory;
  readonly #probeMs: number;
  /** Made here and not started yet, so that nobody needs to ask for their state. */
  readonly #fresh = new Set<string>();

  constructor(cli: CommandLine, agents: AgentDirectory, probeMs: number) {
    this.#cli = cli;
    this.#agents = agents;
    this.#probeMs = probeMs;
    this.images = new AppleContainerImages(cli);
    this.volumes = new AppleContainerVolumes(cli);
  }

  probe({ signal }: CallOptions = {}): Promise<ProbeResult> {
    return probeAppleContainer(this.#cli, { signal, ms: this.#probeMs });
  }

  async create(asked: SandboxSpec, { signal }: CallOptions = {}): Promise<CreateResult> {
    const labels = { ...asked.labels, [LABEL.managed]: 'true', [LABEL.name]: asked.name };
    const spec = { ...asked, labels };
    const made: Made = { volumes: [], helpers: [] };
    let wasAsked = false;
    try {
      return await this.#cli.call({ operation: 'create', sandbox: spec.name, signal }, async (limit) => {
        const args = createArgs(spec, this.#agents.path);
        for (const mount of spec.mounts) {
          // Of a single file the program would share the whole directory.
          if (mount.type === 'bind' && !(await stat(mount.source)).isDirectory())
            throw new SandboxError('INVALID_ARGUMENT', `${mount.source} is not a directory`);
        }
        // `create` itself would pull it.
        if (spec.root.type === 'image') await this.images.inspect(spec.root.image, { signal: limit });
        await this.#agents.place(spec.agent, ARCHITECTURE);
        await this.#makeVolumes(spec, made, limit);
        wasAsked = true;
        await this.#cli.run(args, limit);
        const answer = await this.#get(spec.name, limit);
        this.#fresh.add(spec.name);
        return { info: infoOf(answer), readback: readback(spec, answer) };
      });
    } catch (error) {
      const isTaken = SandboxError.is(error) && error.code === 'ALREADY_EXISTS';
      await this.#undo(spec, wasAsked && !isTaken, made).catch(() => {});
      throw error;
    }
  }

  start(name: string, options: CallOptions & { readonly attach: true }): Promise<RawProcess>;
  start(name: string, options?: CallOptions & { readonly attach?: false }): Promise<undefined>;
  start(name: string, options: CallOptions & { readonly attach?: boolean } = {}) {
    return this.#cli.call({ operation: 'start', sandbox: name, ...options }, async (signal) => {
      const isFresh = this.#fresh.delete(name);
      if (options.attach) return this.#attach(name, isFresh, signal);
      const answer = await this.#get(name, signal);
      const { state } = infoOf(answer);
      if (state !== 'running') await this.#cli.run(['start', '--', name], signal);
      const account = state === 'created' ? accountArgs(answer) : undefined;
      // A main process that has ended already needs none.
      if (account) await this.#cli.run(account, signal).catch(() => signal.throwIfAborted());
      return undefined;
    });
  }

  exec(name: string, request: ExecSpec, options?: CallOptions): Promise<RawProcess> {
    return this.#cli.call({ operation: 'exec', sandbox: name, ...options }, async (signal) => {
      const answer = await this.#get(name, signal, 'running');
      if (request.agent) await this.#agents.place(request.agent, ARCHITECTURE);
      return clientProcess(this.#cli.spawn(execArgs(name, request, answer)));
    });
  }

  stop(
    name: string,
    options: CallOptions & { readonly graceMs?: number } = {},
    operation = 'stop',
  ): Promise<void> {
    const seconds = Math.ceil((options.graceMs ?? 0) / 1000);
    const how = [`--signal=${seconds > 0 ? 'TERM' : 'KILL'}`, `--time=${seconds}`];
    return this.#cli.call({ operation, sandbox: name, ...options }, async (signal) => {
      const isOver = (found?: ContainerAnswer) => !found || infoOf(found).state !== 'running';
      if (isOver(await this.#find(name, signal))) return;
      await this.#cli.run(['stop', ...how, '--', name], signal).catch(unless('NOT_FOUND'));
      await this.#until(name, signal, isOver);
    });
  }

  kill(name: string, { signal }: CallOptions = {}): Promise<void> {
    return this.stop(name, { signal }, 'kill');
  }

  async remove(
    name: string,
    { volumes = false, signal }: CallOptions & { readonly volumes?: boolean } = {},
  ): Promise<void> {
    await this.#cli.call({ operation: 'remove', sandbox: name, signal }, (limit) =>
      this.#delete(name, limit),
    );
    this.#fresh.delete(name);
    if (!volumes) return;
    for (const volume of await this.volumes.list({ [LABEL.name]: name }, { signal }))
      await this.volumes.remove(volume.name, { signal });
  }

  inspect(name: string, options: CallOptions & { readonly spec?: SandboxSpec } = {}): Promise<SandboxInfo> {
    const { spec } = options;
    return this.#cli.call({ operation: 'inspect', sandbox: name, ...options }, async (signal) => {
      const answer = await this.#get(name, signal);
      return { ...infoOf(answer), ...(spec && { readback: readback(spec, answer) }) };
    });
  }

  list(labels?: Labels, { signal }: CallOptions = {}): Promise<SandboxInfo[]> {
    return this.#cli.call({ operation: 'list', signal }, async (limit) => {
      const answer = await this.#cli.json<ContainerAnswer[]>(['list', '--all', '--format=json'], limit);
      return answer.map(infoOf).filter((info) => carries(info.labels, labels));
    });
  }

  stats(name: string, options?: CallOptions): Promise<SandboxStats> {
    return this.#cli.call({ operation: 'stats', sandbox: name, ...options }, async (signal) => {
      await this.#get(name, signal, 'running');
      const args = ['stats', '--no-stream', '--format=json', '--', name];
      const [found] = await this.#cli.json<Partial<Record<string, number>>[]>(args, signal);
      if (!found) throw notRunning(name);
      const { memoryUsageBytes = null, memoryLimitBytes = null, cpuUsageUsec, numProcesses = null } = found;
      const cpuMs = cpuUsageUsec === undefined ? null : cpuUsageUsec / 1000;
      return { memoryBytes: memoryUsageBytes, memoryLimitBytes, cpuMs, pids: numProcesses };
    });
  }

  async sweep(
    _labels?: Labels,
    { signal, all }: CallOptions & { readonly all?: boolean } = {},
  ): Promise<void> {
    if (all && (await this.list({}, { signal })).length === 0) await this.#agents.remove();
  }

  async extras(): Promise<ExtraInfo[]> {
    const sizeBytes = await this.#agents.size();
    return sizeBytes === null ? [] : [{ name: 'agents', sizeBytes }];
  }

  async close(): Promise<void> {}

  async #makeVolumes(spec: SandboxSpec, { volumes, helpers }: Made, signal: AbortSignal): Promise<void> {
    for (const mount of spec.mounts) {
      if (mount.type !== 'volume') continue;
      const labels = mount.labels ?? spec.labels;
      // Noted before it is there: the service may go on with what is given up at this moment.
      const onMaking = () => volumes.push({ name: mount.volume, labels });
      if (!(await this.volumes.make(mount.volume, labels, signal, onMaking)).made) continue;
      const helper = `sandbox-owner-${randomUUID()}`;
      helpers.push(helper);
      await this.#cli.run(ownerArgs(helper, spec, mount), signal);
      await this.#until(helper, signal, (found) => found === undefined);
    }
  }

  /** Takes away what a `create` has made: the service may go on with what its client has given up. What another has made of that name has other labels. */
  async #undo({ name, labels }: SandboxSpec, isMade: boolean, { volumes, helpers }: Made): Promise<void> {
    const call = { operation: 'create', sandbox: name, ms: UNDO_MS };
    await this.#cli.call(call, async (signal) => {
      const found = isMade ? await this.#find(name, signal) : undefined;
      if (found && isDeepStrictEqual(infoOf(found).labels, labels)) await this.#delete(name, signal);
      for (const helper of helpers) await this.#delete(helper, signal);
      const there = volumes.length === 0 ? [] : await this.volumes.list({}, { signal });
      for (const volume of volumes) {
        const own = { ...volume.labels, [LABEL.managed]: 'true' };
        const isOwn = there.some((one) => one.name === volume.name && isDeepStrictEqual(one.labels, own));
        if (isOwn) await this.volumes.remove(volume.name, { signal });
      }
    });
  }

  async #attach(name: string, isFresh: boolean, signal: AbortSignal): Promise<RawProcess> {
    if (!isFresh && infoOf(await this.#get(name, signal)).state === 'running')
      throw new SandboxError('FAILED_PRECONDITION', `${name} runs already, unattached`);
    const client = clientProcess(this.#cli.spawn(['start', '--attach', '--interactive', '--', name]));
    try {
      await this.#untilStarted(name, client, signal);
      return client;
    } catch (error) {
      client.destroy();
      throw error;
    }
  }

  /** A client tells nothing of a start that went well, but the process may soon say something; of one that did not, the client ends. */
  async #untilStarted(name: string, client: ClientProcess, signal: AbortSignal): Promise<void> {
    const first = Promise.race([client.exited.then(() => 'ended'), client.spoke.then(() => 'spoke')]);
    for (let pauseMs = 200; ; pauseMs = 400) {
      const news = await Promise.race([first, sleep(pauseMs, undefined, { signal, ref: false })]);
      if (news === 'spoke') return;
      const found = await this.#find(name, signal);
      const state = found && infoOf(found).state;
      const said = client.said();
      // Of a process that has ended the words may be its own.
      if (
        news === 'ended' &&
        state !== 'stopped' &&
        said.startsWith('Error: ') &&
        (await client.exited) !== 0
      )
        throw programError(new Error(said), said);
      if (news === 'ended' || state === 'running') return;
    }
  }

  /** Asks until it is so: the service's answers lag behind what it has done. */
  async #until(
    name: string,
    signal: AbortSignal,
    isSo: (found: ContainerAnswer | undefined) => boolean | Promise<boolean>,
  ): Promise<void> {
    for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 250)) {
      if (await isSo(await this.#find(name, signal))) return;
      await sleep(pauseMs, undefined, { signal });
    }
  }

  #delete(name: string, signal: AbortSignal): Promise<void> {
    return this.#until(name, signal, async (found) => {
      if (found === undefined) return true;
      // One that is just stopping is asked again.
      const gone = unless('NOT_FOUND', 'FAILED_PRECONDITION');
      await this.#cli.run(['delete', '--force', '--', name], signal).catch(gone);
      return false;
    });
  }

  async #get(name: string, signal: AbortSignal, state?: 'running'): Promise<ContainerAnswer> {
    const answer = await this.#find(name, signal);
    if (answer === undefined) throw new SandboxError('NOT_FOUND', `there is no sandbox ${name}`);
    if (state !== undefined && infoOf(answer).state !== state) throw notRunning(name);
    return answer;
  }

  /** What is not ours is not there. */
  async #find(name: string, signal: AbortSignal): Promise<ContainerAnswer | undefined> {
    const args = ['inspect', '--', name];
    const answer = await this.#cli.json<ContainerAnswer[]>(args, signal).catch(unless('NOT_FOUND'));
    return answer?.find((one) => infoOf(one).name === name && carries(infoOf(one).labels));
  }
}

function notRunning(name: string): SandboxError {
  return new SandboxError('FAILED_PRECONDITION', `${name} is not running`);
}
