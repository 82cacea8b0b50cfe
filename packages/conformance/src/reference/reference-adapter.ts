import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ADAPTER_API_VERSION,
  type CallOptions,
  type ProbeResult,
  type RawProcess,
  type RuntimeAdapter,
  SandboxError,
  type SandboxInfo,
  type SandboxSpec,
} from '@sandbox/core';
import { architecture, placeAgent } from './reference-agent.ts';
import { capabilitiesHere, claiming, referenceCapabilities } from './reference-capabilities.ts';
import { withSandboxErrors } from './reference-errors.ts';
import type { ReferenceOptions } from './reference-options.ts';
import { findTree, identify, isAlive, killTree, send } from './reference-processes.ts';
import { type Identity, launch } from './reference-raw-process.ts';
import { checkNames, launchOf, readback, refuseUnenforceable, withoutClaims } from './reference-spec.ts';
import { ReferenceState, type SandboxRecord } from './reference-state.ts';
import { carriesAll, referenceVolumes } from './reference-volumes.ts';
import { furnish } from './reference-world.ts';

/**
 * The smallest adapter there is: a sandbox is a directory and plain processes of this host. It isolates nothing, refuses all that it cannot enforce, and is made for
 * tests: of the suite itself, and of whatever stands on an adapter and wants none of an engine. Linux only.
 *
 * The guest's paths are the host's, with these exceptions, which are translated: the agent's path as argv[0], the working directory, HOME and TMPDIR
 * lie in the sandbox's own directory. So use relative paths, `$HOME` and `$TMPDIR` in commands.
 */
export function createReferenceAdapter(options: ReferenceOptions = {}): RuntimeAdapter {
  const runtime = options.runtime ?? 'reference';
  const directory = options.directory ?? join(tmpdir(), `sandbox-reference-${randomUUID()}`);
  const state = new ReferenceState(directory);
  const isRoot = process.getuid?.() === 0;
  const claims = options.claims ?? [];
  const best = claiming(referenceCapabilities, claims);
  const capabilities = claiming(capabilitiesHere(isRoot), claims);
  const volumes = referenceVolumes(state, checkCall);

  function failure(
    code: SandboxError['code'],
    message: string,
    operation: string,
    sandbox?: string,
  ): SandboxError {
    return new SandboxError(code, message, { operation, runtime, sandbox });
  }

  function checkCall(operation: string, call: CallOptions = {}, sandbox?: string): void {
    if (call.signal?.aborted) {
      throw failure('DEADLINE_EXCEEDED', `${operation} was aborted`, operation, sandbox);
    }
  }

  async function known(name: string, operation: string): Promise<SandboxRecord> {
    const record = await state.read(name);
    if (!record || (await reap(record))) {
      throw failure('NOT_FOUND', `there is no sandbox ${name}`, operation, name);
    }
    return record;
  }

  async function stateOf(name: string): Promise<'created' | 'running' | 'stopped'> {
    const main = await state.main(name);
    if (!main) return 'created';
    return main.exitCode === undefined && (await isAlive(main)) ? 'running' : 'stopped';
  }

  /** An ephemeral sandbox whose main process has ended is removed by whoever looks next. */
  async function reap(record: SandboxRecord): Promise<boolean> {
    const { name, lifecycle } = record.spec;
    if (lifecycle !== 'ephemeral' || (await stateOf(name)) !== 'stopped') return false;
    await endAll(record);
    await state.remove(name);
    return true;
  }

  async function infoOf(record: SandboxRecord): Promise<SandboxInfo> {
    const { name, labels } = record.spec;
    const main = await state.main(name);
    const alive = await Promise.all((await state.processes(name)).map(isAlive));
    return {
      name,
      state: await stateOf(name),
      labels,
      createdAt: new Date(record.createdAt),
      sessions: alive.filter(Boolean).length,
      ...(main?.exitCode === undefined ? {} : { exitCode: main.exitCode }),
    };
  }

  async function roots(name: string) {
    const main = await state.main(name);
    return [...(main ? [main] : []), ...(await state.processes(name))];
  }

  async function endAll(record: SandboxRecord, call: CallOptions = {}): Promise<void> {
    const { name } = record.spec;
    await killTree(await roots(name), record.mark, call.signal);
    await state.forgetProcesses(name);
    const main = await state.main(name);
    if (main && main.exitCode === undefined)
      await state.setMain(name, { ...main, exitCode: 137 }).catch(() => undefined);
  }

  async function end(name: string, call: CallOptions): Promise<void> {
    const record = await state.read(name);
    if (!record) return;
    await endAll(record, call);
    await reap(record);
  }

  async function start(
    record: SandboxRecord,
    user: Identity,
    argv: readonly string[],
    how: {
      stdio: 'pipe' | 'ignore';
      env?: Readonly<Record<string, string>>;
    },
  ) {
    const { spec } = record;
    const agent = join(directory, 'agent', spec.agent.digest, 'agent');
    const world = { root: state.path(spec.name, 'world'), agent };
    const plan = launchOf(spec as SandboxSpec, world, argv, how.env);
    const [markName = '', markValue = ''] = record.mark.split('=');
    const child = await launch({ ...plan, env: { ...plan.env, [markName]: markValue } }, user, how.stdio);
    // One that has ended already left nothing to look for but its session.
    const identity = (await identify(child.pid)) ?? { pid: child.pid, startTime: 'unknown' };
    return { ...child, identity };
  }

  const turns = new Map<string, Promise<unknown>>();

  /** Two calls that start one sandbox must not both find it stopped. */
  async function inTurn<T>(name: string, body: () => Promise<T>): Promise<T> {
    const turn = (turns.get(name) ?? Promise.resolve()).then(body, body);
    turns.set(name, turn);
    return turn.finally(() => {
      if (turns.get(name) === turn) turns.delete(name);
    });
  }

  async function startMain(record: SandboxRecord, attach: boolean): Promise<RawProcess | undefined> {
    const { spec } = record;
    const { raw, exited, identity } = await start(record, spec.user, spec.argv, {
      stdio: attach ? 'pipe' : 'ignore',
    });
    await state.setMain(spec.name, identity);
    void exited
      .then(({ exitCode, signal }) =>
        // In turn: a sandbox that is just started again must not lose its new main process.
        inTurn(spec.name, () =>
          settleMain(record, { ...identity, exitCode: exitCode ?? (signal ? 137 : null) }),
        ),
      )
      .catch(() => undefined);
    return raw ?? undefined;
  }

  async function settleMain(
    record: SandboxRecord,
    main: { pid: number; startTime: string; exitCode: number | null },
  ) {
    const { name } = record.spec;
    const latest = await state.main(name);
    if (latest?.pid !== main.pid || latest.startTime !== main.startTime) return;
    // First: of one that is ended without it, the exit code is that of the kill.
    await state.setMain(name, main);
    await endAll(record);
    await reap(record);
  }

  return withSandboxErrors({
    runtime,
    apiVersion: ADAPTER_API_VERSION,
    capabilities: best,
    volumes,

    async probe(call): Promise<ProbeResult> {
      checkCall('probe', call);
      if (process.platform !== 'linux') {
        const message = 'plain processes are supervised through /proc, which only Linux has';
        return { status: 'undetected', message, remedy: 'use an engine', capabilities };
      }
      const uid = process.getuid?.() ?? 0;
      const gid = process.getgid?.() ?? 0;
      return {
        status: 'healthy',
        version: '1',
        endpoint: directory,
        message: 'plain processes of this host, which isolate nothing',
        capabilities,
        architecture,
        idMapping: isRoot
          ? { type: 'identity' }
          : { type: 'caller', hostUid: uid, hostGid: gid, guestUid: uid, guestGid: gid },
        sharesHostFiles: true,
        rootless: !isRoot,
        warnings: ['for tests only: commands can do whatever their user can do on this host'],
      };
    },

    async create(asked, call) {
      const spec = withoutClaims(asked, claims);
      checkCall('create', call, spec.name);
      checkNames(spec);
      refuseUnenforceable(spec, isRoot, await hardOpenFiles());
      await state.prepare();
      await placeAgent(directory, spec.agent);
      const { agent, ...rest } = spec;
      const record: SandboxRecord = {
        spec: { ...rest, agent: { digest: agent.digest } },
        createdAt: new Date().toISOString(),
        mark: `SANDBOX_REFERENCE=${spec.name}/${randomUUID()}`,
      };
      await reapIfThere(spec.name);
      if (!(await state.add(record, (world) => furnish(spec, world, volumes)))) {
        throw failure('ALREADY_EXISTS', `there is a sandbox ${spec.name} already`, 'create', spec.name);
      }
      return { info: await infoOf(record), readback: readback(spec, isRoot) };
    },

    start: (async (name: string, call: CallOptions & { attach?: boolean } = {}) => {
      checkCall('start', call, name);
      return inTurn(name, async () => {
        const record = await known(name, 'start');
        if ((await stateOf(name)) !== 'running') return startMain(record, call.attach === true);
        if (!call.attach) return undefined;
        throw failure('FAILED_PRECONDITION', `${name} runs already, unattached`, 'start', name);
      });
    }) as RuntimeAdapter['start'],

    async exec(name, request, call) {
      checkCall('exec', call, name);
      const record = await known(name, 'exec');
      if ((await stateOf(name)) !== 'running') {
        throw failure('FAILED_PRECONDITION', `${name} is not running`, 'exec', name);
      }
      const user = request.user ?? record.spec.user;
      if (!isRoot && user.uid !== process.getuid?.()) {
        throw failure('UNSUPPORTED', 'exec-as-user: needs root on the host', 'exec', name);
      }
      const { raw, identity } = await start(record, user, request.argv, {
        stdio: 'pipe',
        ...(request.env ? { env: request.env } : {}),
      });
      await state.addProcess(name, identity);
      if (raw === null) throw failure('UNKNOWN', 'a process without streams', 'exec', name);
      return raw;
    },

    async stop(name, call = {}) {
      checkCall('stop', call, name);
      await inTurn(name, async () => {
        const main = await state.main(name);
        if (main && call.graceMs) {
          send(main.pid, 'SIGTERM');
          await until(async () => !(await isAlive(main)), call.graceMs);
        }
        await end(name, call);
      });
    },

    async kill(name, call = {}) {
      checkCall('kill', call, name);
      await inTurn(name, () => end(name, call));
    },

    async remove(name, call = {}) {
      checkCall('remove', call, name);
      await inTurn(name, async () => {
        const record = await state.read(name);
        if (record) await endAll(record, call);
        if (record) await state.remove(name);
      });
      if (!call.volumes) return;
      for (const volume of await volumes.list({ 'dev.sandbox.name': name }))
        await volumes.remove(volume.name);
    },

    async inspect(name, call) {
      checkCall('inspect', call, name);
      return infoOf(await known(name, 'inspect'));
    },

    async list(labels = {}, call) {
      checkCall('list', call);
      const infos: SandboxInfo[] = [];
      for (const name of await state.names()) {
        const record = await state.read(name);
        if (!record || (await reap(record))) continue;
        if (carriesAll(record.spec.labels, { ...labels, 'dev.sandbox.managed': 'true' })) {
          infos.push(await infoOf(record));
        }
      }
      return infos;
    },

    async stats(name, call) {
      checkCall('stats', call, name);
      const record = await known(name, 'stats');
      if ((await stateOf(name)) !== 'running') {
        throw failure('FAILED_PRECONDITION', `${name} is not running`, 'stats', name);
      }
      const tree = await findTree(await roots(name), record.mark);
      const sum = (pick: (process: (typeof tree)[number]) => number) =>
        tree.reduce((total, process) => total + pick(process), 0);
      return {
        memoryBytes: sum((process) => process.residentPages) * 4096,
        memoryLimitBytes: null,
        cpuMs: sum((process) => process.cpuTicks) * 10,
        pids: tree.length,
      };
    },

    async close() {
      // Who has just ended is still being cleared away.
      await Promise.allSettled(turns.values());
      const isOwn = options.directory === undefined;
      if (isOwn && (await state.names()).length === 0)
        await rm(directory, { recursive: true, force: true, maxRetries: 3 });
    },
  });

  async function reapIfThere(name: string): Promise<void> {
    const record = await state.read(name);
    if (record) await reap(record);
  }
}

async function hardOpenFiles(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === undefined || hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}

async function until(condition: () => Promise<boolean>, withinMs: number): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await condition()) && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
}
