import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AgentSpec,
  type CreateOptions,
  createSandboxes,
  type ErrorCode,
  type ExecResult,
  type PolicyInput,
  type ProbeResult,
  type RunOptions,
  type RuntimeAdapter,
  type Sandbox,
  SandboxError,
  type Sandboxes,
} from '@sandbox/core';
import { agentArtifact } from '@sandbox/guest';
import { eventually } from './deadline.ts';
import type { ConformanceOptions } from './options.ts';
import type { Expect } from './runner.ts';
import { supports } from './spec.ts';

/** One sandbox that many cases share: made for the first, made again after a case that failed. */
export class SharedSandbox {
  readonly #make: () => Promise<{ box: Sandbox; close(): Promise<void> }>;
  #made: Promise<{ box: Sandbox; close(): Promise<void> }> | undefined;

  constructor(make: () => Promise<{ box: Sandbox; close(): Promise<void> }>) {
    this.#make = make;
  }

  async get(): Promise<Sandbox> {
    this.#made ??= this.#make();
    return (await this.#made).box;
  }

  async drop(): Promise<void> {
    const made = this.#made;
    this.#made = undefined;
    await made?.then(
      ({ close }) => close(),
      () => undefined,
    );
  }
}

/** What a case of the sandbox that core makes has at hand. */
export class SandboxContext {
  readonly expect: Expect;
  readonly adapter: RuntimeAdapter;
  readonly probe: ProbeResult;
  readonly scope: string;
  readonly sandboxes: Sandboxes;
  readonly #options: ConformanceOptions;
  readonly #shared: SharedSandbox;
  readonly #boxes: Sandbox[] = [];
  readonly #undo: (() => unknown)[] = [];

  constructor(
    options: ConformanceOptions,
    adapter: RuntimeAdapter,
    probe: ProbeResult,
    scope: string,
    shared: SharedSandbox,
  ) {
    this.#options = options;
    this.#shared = shared;
    this.expect = options.expect;
    this.adapter = adapter;
    this.probe = probe;
    this.scope = scope;
    this.sandboxes = this.manager();
  }

  /** Another manager on the same runtime, as another program would have one. */
  manager(): Sandboxes {
    return managerFor(this.#options, this.adapter, this.probe, this.scope);
  }

  /** What runs in every guest. */
  get agent(): AgentSpec {
    return this.#options.agent ?? agentArtifact();
  }

  /** The shared sandbox: for cases that leave it as they found it. */
  box(): Promise<Sandbox> {
    return this.#shared.get();
  }

  /** An ephemeral sandbox of this case alone. */
  async own(options: CreateOptions & { readonly start?: boolean } = {}): Promise<Sandbox> {
    const box = await this.sandboxes.create(options);
    this.#boxes.push(box);
    return box;
  }

  /** A long-lived sandbox on a workspace of its own. */
  async opened(
    policy: PolicyInput = {},
    workspace?: string,
    by: Sandboxes = this.sandboxes,
  ): Promise<Sandbox> {
    const box = await by.open({ workspace: workspace ?? (await this.workspace()), policy });
    this.#boxes.push(box);
    return box;
  }

  /** A directory of the host that an ordinary user owns. */
  async workspace(): Promise<string> {
    const path = await this.hostDirectory();
    if (process.getuid?.() === 0) await chown(path, 1000, 1000);
    return path;
  }

  async hostDirectory(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'conformance-'));
    await chmod(path, 0o755);
    this.after(() => rm(path, { recursive: true, force: true }));
    return path;
  }

  /** A script in the shared sandbox. */
  async sh(script: string, ...args: readonly string[]): Promise<ExecResult> {
    return (await this.box()).exec(['sh', '-c', script, 'sh', ...args]);
  }

  /** A script in a sandbox of its own. */
  runSh(script: string, options: RunOptions = {}) {
    return this.sandboxes.run(['sh', '-c', script], options);
  }

  async refused(code: ErrorCode, attempt: Promise<unknown>): Promise<SandboxError> {
    return this.refusedWith([code], attempt);
  }

  async refusedWith(codes: readonly ErrorCode[], attempt: Promise<unknown>): Promise<SandboxError> {
    const error = await attempt.then(
      (value) => new Error(`expected ${codes}, and it succeeded: ${JSON.stringify(value)?.slice(0, 200)}`),
      (reason: unknown) => reason,
    );
    if (!SandboxError.is(error)) throw error;
    if (!codes.includes(error.code)) this.expect(`${error.code}: ${error.message}`).toBe(codes.join(' or '));
    return error;
  }

  /** An own directory in the shared sandbox, below where commands start. */
  async directory(): Promise<string> {
    const name = `case-${Math.random().toString(36).slice(2, 10)}`;
    await (await this.box()).files.mkdir(name);
    return name;
  }

  readonly eventually = eventually;

  /** Called after the case, in the opposite order. */
  after(undo: () => unknown): void {
    this.#undo.push(undo);
  }

  async cleanUp(): Promise<void> {
    const results = await Promise.allSettled(this.#boxes.map((box) => box.remove()));
    await this.sandboxes.close();
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async undo(): Promise<void> {
    for (const undo of this.#undo.reverse()) await undo();
  }
}

export function managerFor(
  options: ConformanceOptions,
  adapter: RuntimeAdapter,
  probe: ProbeResult,
  scope: string,
): Sandboxes {
  const image = options.image ?? (options.root?.type === 'directory' ? options.root.path : undefined);
  const guest = probe.capabilities.controls.user.support === 'enforced' ? undefined : callerOf(probe);
  return createSandboxes({
    adapter,
    scope,
    defaultTrust: 'owner',
    // What is on top of an image is no matter of an adapter.
    tools: false,
    ...(options.agent && { agent: options.agent }),
    policy: {
      ...(image === undefined ? {} : { image }),
      ...(guest === undefined ? {} : { user: guest }),
      ...(supports(probe.capabilities, 'network-none') ? {} : { network: 'full' as const }),
    },
  });
}

function callerOf({ idMapping }: ProbeResult): string | undefined {
  return idMapping?.type === 'caller' ? `${idMapping.guestUid}:${idMapping.guestGid}` : undefined;
}
