import {
  type CreateResult,
  type ErrorCode,
  type ProbeResult,
  type RawProcess,
  type RuntimeAdapter,
  SandboxError,
  type SandboxSpec,
} from '@sandbox/core';
import { agentPath } from '@sandbox/guest';
import { eventually } from './deadline.ts';
import type { ConformanceOptions } from './options.ts';
import { collect, firstLine, type RawOutput } from './raw-output.ts';
import type { Expect } from './runner.ts';
import { baseSpec, type SpecOverrides, supports } from './spec.ts';

/** The states of a sandbox that a case can be run in; `removed` was there once, `missing` never. */
export type TraitState = 'missing' | 'created' | 'running' | 'stopped' | 'removed';

/** What a case of an adapter's own rules has at hand. Whatever it makes is removed after it. */
export class AdapterContext {
  readonly expect: Expect;
  readonly adapter: RuntimeAdapter;
  readonly probe: ProbeResult;
  readonly scope: string;
  readonly #options: ConformanceOptions;
  readonly #names = new Set<string>();
  readonly #volumes = new Set<string>();
  readonly #undo: (() => unknown)[] = [];

  constructor(options: ConformanceOptions, adapter: RuntimeAdapter, probe: ProbeResult, scope: string) {
    this.#options = options;
    this.expect = options.expect;
    this.adapter = adapter;
    this.probe = probe;
    this.scope = scope;
  }

  spec(overrides: SpecOverrides = {}): SandboxSpec {
    const spec = baseSpec(this.#options, this.probe, this.scope, overrides);
    this.#names.add(spec.name);
    for (const mount of spec.mounts) if (mount.type === 'volume') this.#volumes.add(mount.volume);
    return spec;
  }

  /** A long-lived sandbox, whose main process is the agent's `init`. Its commands start where sessions share files: a `/tmp` may be each session's own. */
  longLived(overrides: SpecOverrides = {}): SandboxSpec {
    const spec = this.spec({ lifecycle: 'long-lived', workdir: '/var/tmp', ...overrides });
    return overrides.argv ? spec : { ...spec, argv: [agentPath(spec.agent.digest), 'init'] };
  }

  async create(overrides: SpecOverrides = {}): Promise<CreateResult & { readonly name: string }> {
    const spec = this.spec(overrides);
    return { name: spec.name, ...(await this.adapter.create(spec)) };
  }

  /** A long-lived sandbox that runs. */
  async running(overrides: SpecOverrides = {}): Promise<string> {
    const spec = this.longLived(overrides);
    await this.adapter.create(spec);
    await this.adapter.start(spec.name);
    return spec.name;
  }

  /** An ephemeral sandbox that runs, and its main process. */
  async attached(
    argv: readonly string[],
    overrides: SpecOverrides = {},
  ): Promise<{ readonly name: string; readonly raw: RawProcess }> {
    const { name } = await this.create({ ...overrides, argv });
    const raw = await this.adapter.start(name, { attach: true });
    return { name, raw };
  }

  /** Runs a script as the main process of a sandbox of its own, to its end. */
  async run(
    script: string,
    overrides: SpecOverrides & {
      readonly args?: readonly string[];
      readonly stdin?: string | Uint8Array;
    } = {},
  ): Promise<RawOutput> {
    const { args = [], stdin, ...rest } = overrides;
    const { raw } = await this.attached(['/bin/sh', '-c', script, 'sh', ...args], rest);
    return collect(raw, stdin);
  }

  /** Runs a script in a running sandbox. */
  async exec(name: string, script: string, stdin?: string | Uint8Array): Promise<RawOutput> {
    return collect(await this.adapter.exec(name, { argv: ['/bin/sh', '-c', script] }), stdin);
  }

  /** Asks in the guest until the answer is yes. */
  untilExec(name: string, question: string): Promise<void> {
    return eventually(
      question,
      async () => (await this.exec(name, `${question} && echo yes`)).stdout === 'yes\n',
    );
  }

  readonly eventually = eventually;

  /** Nobody removes it here: the runtime does. */
  goneByItself(name: string): Promise<void> {
    return eventually(`${name} is gone by itself`, async () => {
      const error = await this.adapter.inspect(name).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error !== undefined && !(SandboxError.is(error) && error.code === 'NOT_FOUND')) throw error;
      return error !== undefined;
    });
  }

  /** A long-lived sandbox, brought into a state. */
  async inState(state: TraitState): Promise<SandboxSpec> {
    const spec = this.longLived();
    const { adapter } = this;
    if (state === 'missing') return spec;
    await adapter.create(spec);
    if (state === 'running' || state === 'stopped') await adapter.start(spec.name);
    if (state === 'stopped') await adapter.stop(spec.name);
    if (state === 'removed') await adapter.remove(spec.name);
    return spec;
  }

  /** Fails unless it is refused with this code, as a `SandboxError`. */
  async refused(code: ErrorCode, attempt: Promise<unknown>): Promise<SandboxError> {
    const error = await attempt.then(
      (value) => new Error(`expected ${code}, and it succeeded: ${JSON.stringify(value)?.slice(0, 200)}`),
      (reason: unknown) => reason,
    );
    if (!SandboxError.is(error)) throw error;
    if (error.code !== code) this.expect(`${error.code}: ${error.message}`).toBe(code);
    this.expect(error.code).toBe(code);
    return error;
  }

  async listed(labels: Readonly<Record<string, string>>): Promise<string[]> {
    const infos = await this.adapter.list({ 'dev.sandbox.scope': this.scope, ...labels });
    return infos.map(({ name }) => name);
  }

  readonly collect = collect;
  readonly firstLine = firstLine;

  /** A temporary file system of the guest's user, for spreading over. */
  get tmpfs() {
    const { uid, gid } = this.spec().user;
    return {
      type: 'tmpfs',
      sizeBytes: 16 * 1024 * 1024,
      mode: 0o755,
      owner: { uid, gid },
      exec: true,
    } as const;
  }

  /** What a guest with a read-only root needs to work: a writable `/tmp`, where the runtime has one to give. */
  get scratch() {
    return supports(this.probe.capabilities, 'tmpfs-size')
      ? [{ ...this.tmpfs, target: '/tmp', mode: 0o1777 }]
      : [];
  }

  /** What a runtime cannot express it may refuse; it must not get it wrong. */
  async rightOrRefused(attempt: () => Promise<void>): Promise<void> {
    try {
      await attempt();
    } catch (error) {
      if (!SandboxError.is(error)) throw error;
      this.expect(['INVALID_ARGUMENT', 'UNSUPPORTED']).toContain(error.code);
    }
  }

  volume(suffix = 'data'): string {
    const name = `sandbox-conformance-${suffix}-${Math.random().toString(36).slice(2, 10)}`;
    this.#volumes.add(name);
    return name;
  }

  /** Called after the case, in the opposite order. */
  after(undo: () => unknown): void {
    this.#undo.push(undo);
  }

  async cleanUp(): Promise<void> {
    // All first: a volume may be used by more than one.
    for (const name of this.#names) await this.adapter.remove(name);
    for (const name of this.#names) await this.adapter.remove(name, { volumes: true });
    for (const volume of this.#volumes) await this.adapter.volumes?.remove(volume);
  }

  async undo(): Promise<void> {
    for (const undo of this.#undo.reverse()) await undo();
  }
}
