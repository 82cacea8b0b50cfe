import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CreateResult,
  type ExecSpec,
  type ListCallOptions,
  type RawProcess,
  SandboxError,
  type SandboxInfo,
  type SandboxSpec,
  type SandboxStats,
  validateCommand,
  validateEnv,
} from '@sandbox/core';
import { AgentDirectory } from './agents.ts';
import { checkSpec } from './check-spec.ts';
import { claim } from './directories.ts';
import type { Host } from './host.ts';
import type { IdRanges } from './ids.ts';
import type { Jailer } from './jailer.ts';
import { type Session, startJail } from './jails.ts';
import { type LaunchedJail, untilStarted } from './launch.ts';
import { mountRoot, unmountRoot } from './overlay.ts';
import { furnishVolumes, takeIds } from './owners.ts';
import { firstProcess, killTrees, send } from './processes.ts';
import { readback } from './readback.ts';
import { furnishRoot } from './root.ts';
import { sizeOf } from './sizes.ts';
import { isNear, isOrphan, type SandboxRecord, type StateDirectory } from './state.ts';
import { isAbandoned } from './temporary-name.ts';
import { carriesAll, type DirectoryVolumes } from './volumes.ts';

export interface World {
  readonly jailer: Jailer;
  readonly state: StateDirectory;
  readonly volumes: DirectoryVolumes;
  readonly ranges: IdRanges;
  readonly host: () => Host;
}

/** The lifecycle: a sandbox is a directory, a cgroup, a range of ids, and the jails that run in it just now. */
export class JailSandboxes {
  readonly #world: World;
  /** Ephemeral ones that have ended and are being removed. */
  readonly #leaving = new Set<Promise<void>>();
  readonly #agents: AgentDirectory;
  #swept: Promise<void> | undefined;

  constructor(world: World) {
    this.#world = world;
    this.#agents = new AgentDirectory(join(world.state.directory, 'agents'));
  }

  async create(spec: SandboxSpec, signal: AbortSignal): Promise<CreateResult> {
    const { state } = this.#world;
    const host = this.#world.host();
    this.#check(spec, host);
    await this.#sweep();
    await this.#reap(spec.name);
    if (state.isDamaged(spec.name)) {
      await this.#endDamaged(spec.name, signal);
      if (state.isDamaged(spec.name)) state.setAside('sandboxes', spec.name);
    }
    const id = state.newId(spec.name);
    const ids = takeIds(spec, id, host, this.#world);
    const { agent, ...rest } = spec;
    const createdAt = new Date().toISOString();
    const record: SandboxRecord = { id, spec: { ...rest, agent: { digest: agent.digest } }, createdAt, ids };
    if (!state.add(record, (draft) => furnishRoot(spec, join(draft, 'root'), ids))) {
      this.#releaseIds(record);
      throw new SandboxError('ALREADY_EXISTS', `there is a sandbox ${spec.name} already`);
    }
    try {
      await this.#agents.place(agent, host.architecture);
      furnishVolumes(spec, ids, this.#world.volumes);
      host.cgroups?.ensure(id, spec.limits);
      await mountRoot(record, state, host);
      signal.throwIfAborted();
      return { info: this.#info(record), readback: readback(spec, host, id) };
    } catch (error) {
      await this.remove(spec.name, { volumes: false });
      throw error;
    }
  }

  async start(
    name: string,
    { attach, signal }: { attach: boolean; signal: AbortSignal },
  ): Promise<RawProcess | undefined> {
    const record = await this.#known(name);
    const { spec } = record;
    const { state } = this.#world;
    const isEphemeral = spec.lifecycle === 'ephemeral';
    if (isEphemeral && !claim(state.path(name, 'main'))) {
      if (!attach) return undefined;
      throw new SandboxError('FAILED_PRECONDITION', `${name} was started already`);
    }
    const host = this.#world.host();
    host.cgroups?.ensure(record.id, spec.limits);
    await mountRoot(record, state, host);
    if (!isEphemeral && !attach) {
      state.mark(name, 'running');
      return undefined;
    }
    const { argv, env, user, agent } = spec;
    const stdio = attach ? 'pipe' : 'ignore';
    const jail = this.#launch(record, { argv, env, user, agentDigest: agent.digest, stdio });
    state.mark(name, 'running');
    if (isEphemeral) void jail.ended.then(() => this.#leave(name));
    await untilStarted(jail, signal);
    return jail.raw ?? undefined;
  }

  async exec(name: string, request: ExecSpec, signal: AbortSignal): Promise<RawProcess> {
    validateCommand(request.argv);
    const record = await this.#known(name);
    const { spec } = record;
    const env = { ...spec.env, ...validateEnv(request.env ?? {}) };
    this.#checkRunning(name);
    const { argv, user = spec.user, agent } = request;
    if (agent) await this.#agents.place(agent, this.#world.host().architecture);
    const agentDigest = agent?.digest ?? spec.agent.digest;
    let jail: LaunchedJail | undefined;
    try {
      jail = this.#launch(record, { argv, env, user, agentDigest, stdio: 'pipe' });
      await untilStarted(jail, signal);
      // Whoever stopped it in the meantime may not have seen this jail.
      await this.#known(name);
      this.#checkRunning(name);
      return jail.raw as RawProcess;
    } catch (error) {
      if (jail) await killTrees([jail.pid]);
      // What a jail lacks of a sandbox that was removed meanwhile is not the reason.
      await this.#known(name);
      throw error;
    }
  }

  async stop(
    name: string,
    { graceMs = 0, signal }: { graceMs?: number | undefined; signal: AbortSignal },
  ): Promise<void> {
    const { state } = this.#world;
    const record = state.read(name);
    if (record === undefined) return;
    const wasRunning = state.stateOf(name) === 'running';
    if (wasRunning) state.mark(name, 'stopped');
    if (graceMs > 0) await this.#ask(name, graceMs, signal);
    await this.#kill(record, signal);
    if (wasRunning && record.spec.lifecycle === 'ephemeral')
      await this.remove(name, { volumes: false, signal });
  }

  async remove(name: string, { volumes, signal }: { volumes: boolean; signal?: AbortSignal }): Promise<void> {
    const { state, volumes: store } = this.#world;
    const record = state.read(name);
    if (record !== undefined) {
      state.mark(name, 'stopped');
      await this.#kill(record, signal);
      await unmountRoot(name, state);
      await this.#cgroups()?.remove(record.id, signal);
      this.#releaseIds(record);
      // Another may have removed it meanwhile, and made one of the same name.
      if (state.read(name)?.id === record.id) {
        await state.remove(state.path(name), { notesOnly: record.spec.root.readOnly });
      }
    } else if (state.isDamaged(name)) {
      await this.#endDamaged(name, signal);
      if (state.isDamaged(name)) await state.remove(state.path(name));
    }
    if (!volumes) return;
    for (const volume of await store.list({ 'dev.sandbox.name': name })) await store.remove(volume.name);
  }

  /** With `readback`, also what holds of what it was made with. */
  async inspect(name: string, { readback: asked }: { readback: boolean }): Promise<SandboxInfo> {
    const record = await this.#known(name);
    const info = this.#info(record);
    if (!asked) return info;
    const host = this.#world.host();
    // Cgroups do not outlive the kernel that has them.
    host.cgroups?.ensure(record.id, record.spec.limits);
    return { ...info, readback: readback(record.spec, host, record.id) };
  }

  async list(
    labels: Readonly<Record<string, string>>,
    { signal, sizes = false }: ListCallOptions = {},
  ): Promise<SandboxInfo[]> {
    await this.#sweep();
    const infos: SandboxInfo[] = [];
    for (const name of this.#world.state.names()) {
      const record = await this.#reap(name);
      if (record && carriesAll(record.spec.labels, { ...labels, 'dev.sandbox.managed': 'true' })) {
        const sizeBytes = sizes ? await sizeOf(this.#world.state.path(name), signal) : undefined;
        infos.push({ ...this.#info(record), ...(sizeBytes !== undefined && { sizeBytes }) });
      }
    }
    return infos;
  }

  async stats(name: string): Promise<SandboxStats> {
    const { id } = await this.#known(name);
    const cgroups = this.#cgroups();
    if (cgroups === null)
      throw new SandboxError('UNSUPPORTED', 'stats: no cgroup counts what the sandbox uses');
    this.#checkRunning(name);
    return cgroups.stats(id);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#leaving);
  }

  #check(spec: SandboxSpec, host: Host): void {
    const { jailer, state } = this.#world;
    checkSpec(spec, jailer.capabilitiesOn(host), { isRoot: host.isRoot, keptIn: state.directory });
    jailer.check?.(spec, host);
  }

  #launch(record: SandboxRecord, session: Session): LaunchedJail {
    return startJail(record, session, { ...this.#world, host: this.#world.host() });
  }

  #releaseIds({ id, ids }: SandboxRecord): void {
    if (ids.type === 'range') this.#world.ranges.release(ids.base, id);
  }

  async #known(name: string): Promise<SandboxRecord> {
    const record = await this.#reap(name);
    if (record === undefined) throw new SandboxError('NOT_FOUND', `there is no sandbox ${name}`);
    return record;
  }

  #checkRunning(name: string): void {
    if (this.#world.state.stateOf(name) === 'running') return;
    throw new SandboxError('FAILED_PRECONDITION', `${name} is not running`, { hint: 'Start it first.' });
  }

  #info({ spec, createdAt }: SandboxRecord): SandboxInfo {
    const { state } = this.#world;
    const jails = state.processes(spec.name).length;
    return {
      name: spec.name,
      state: state.stateOf(spec.name),
      labels: spec.labels,
      createdAt: new Date(createdAt),
      sessions: Math.max(jails - (spec.lifecycle === 'ephemeral' ? 1 : 0), 0),
    };
  }

  /** The record, unless its sandbox is an ephemeral one that is over: whoever looks removes it. Jails of programs that are gone end. */
  async #reap(name: string): Promise<SandboxRecord | undefined> {
    const { state } = this.#world;
    const record = state.read(name);
    if (record === undefined) return undefined;
    // In this order: a jail is written down before its sandbox is said to run.
    const isOver = record.spec.lifecycle === 'ephemeral' && state.stateOf(name) !== 'created';
    const jails = state.processes(name);
    const orphans = jails.filter(isOrphan);
    await killTrees(orphans.map(({ pid }) => pid));
    if (!isOver || jails.length > orphans.length) return record;
    await this.remove(name, { volumes: false });
    return undefined;
  }

  #leave(name: string): void {
    const leaving = this.remove(name, { volumes: false })
      // Whoever looks next tries again.
      .catch(() => undefined)
      .finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  /** Asks the first process of each jail to end, and waits. */
  async #ask(name: string, graceMs: number, signal: AbortSignal): Promise<void> {
    const jails = this.#world.state.processes(name).filter(isNear);
    for (const { pid } of jails) {
      try {
        send(firstProcess(pid, this.#world.jailer.makers), 'SIGTERM');
      } catch {
        // Over.
      }
    }
    const end = performance.now() + graceMs;
    while (this.#world.state.processes(name).some(isNear) && performance.now() < end) {
      await sleep(10, undefined, { signal });
    }
  }

  async #kill({ id, spec }: SandboxRecord, signal?: AbortSignal): Promise<void> {
    await killTrees(
      this.#world.state
        .processes(spec.name)
        .filter(isNear)
        .map(({ pid }) => pid),
      signal,
    );
    await this.#cgroups()?.kill(id, signal);
  }

  /** Its cgroup and its ids are not known any more: whoever looks next finds that nobody has them. */
  async #endDamaged(name: string, signal?: AbortSignal): Promise<void> {
    const { state } = this.#world;
    const jails = state.processes(name).filter(isNear);
    await killTrees(
      jails.map(({ pid }) => pid),
      signal,
    );
    await unmountRoot(name, state);
  }

  /** Where the runtime's program is gone meanwhile, what it made can still be removed. */
  #cgroups(): Host['cgroups'] {
    return this.#world.host().cgroups;
  }

  /** Once: what programs left behind that did not end well. */
  #sweep(): Promise<void> {
    this.#swept ??= (async () => {
      const { state } = this.#world;
      await state.sweep();
      const cgroups = this.#cgroups();
      // Looked at first: whoever makes a sandbox writes it down before it has a cgroup.
      const found = cgroups?.names() ?? [];
      const known = new Set(state.names().map((name) => state.read(name)?.id));
      const left = (name: string) =>
        isAbandoned(name) || (name.startsWith(`${state.key}-`) && !known.has(name));
      for (const name of found.filter(left)) await cgroups?.remove(name);
      for (const name of state.names()) await this.#reap(name);
    })();
    return this.#swept;
  }
}
