import { randomBytes } from 'node:crypto';
import {
  type Capabilities,
  type Capability,
  type ProbeResult,
  type RuntimeAdapter,
  SandboxError,
} from '@sandbox/core';
import { adapterGroups } from './adapter/index.ts';
import { AdapterContext } from './harness/adapter-context.ts';
import type { Case, Needs } from './harness/case.ts';
import { within } from './harness/deadline.ts';
import { type ConformanceOptions, checkOptions } from './harness/options.ts';
import { markSkipped } from './harness/runner.ts';
import { managerFor, SandboxContext, SharedSandbox } from './harness/sandbox-context.ts';
import { Tally } from './harness/tally.ts';
import { sandboxGroups } from './sandbox/index.ts';

/** Without these core makes no sandbox: each has its twin, which proves that it says so. */
const ofCore: Needs = { controls: ['namespaces', 'user'] };

const defaultTimeoutMs = 30_000;

/**
 * Registers the suite with a test runner. Nothing is run, and no adapter is made, before the runner runs the first case;
 * so any filter of the runner works.
 */
export function runConformance(options: ConformanceOptions): void {
  checkOptions(options);
  const suite = new Suite(options);
  options.describe(options.name ?? 'conformance', () => {
    for (const group of adapterGroups) {
      options.describe(`${group.id}: ${group.title}`, () => {
        for (const one of group.cases) suite.register(one, (run) => suite.runAdapterCase(one, run));
      });
    }
    for (const group of sandboxGroups) {
      options.describe(`${group.id}: ${group.title}`, () => {
        for (const one of group.cases) suite.register(one, (run) => suite.runSandboxCase(one, run), ofCore);
      });
    }
    options.afterAll?.(() => suite.end());
  });
}

class Suite {
  readonly #options: ConformanceOptions;
  readonly #scope: string;
  readonly #tally: Tally;
  #registered = 0;
  #settled = 0;
  #probe: Promise<ProbeResult> | undefined;
  #shared: SharedSandbox | undefined;

  constructor(options: ConformanceOptions) {
    this.#options = options;
    this.#tally = new Tally(options.name);
    this.#scope = options.scope ?? `conformance-${randomBytes(4).toString('hex')}`;
  }

  register(one: Case<never>, body: (adapter: RuntimeAdapter) => Promise<void>, more: Needs = {}): void {
    this.#registered += 1;
    const timeoutMs = one.timeoutMs ?? defaultTimeoutMs;
    const run = async (context: unknown) => {
      const adapter = await this.#options.createAdapter();
      try {
        const { capabilities } = await this.#probed(adapter);
        const missing =
          (one.always ? undefined : unsupported(more, capabilities)) ?? unsupported(one, capabilities);
        if (missing) {
          this.#tally.skip(missing);
          markSkipped(context, missing);
          return;
        }
        this.#tally.run += 1;
        const refused = await refusedAsLimited(one, capabilities, within(one.id, timeoutMs, body(adapter)));
        if (refused) {
          this.#tally.run -= 1;
          this.#tally.skip(refused);
          markSkipped(context, refused);
          return;
        }
      } finally {
        await adapter.close().catch(() => undefined);
        this.#settled += 1;
        if (!this.#options.afterAll && this.#settled === this.#registered) await this.end();
      }
    };
    // The suite's own limit comes first: it can say what hung, and clean up.
    this.#options.it(`${one.id}: ${one.title}`, run, timeoutMs + 30_000);
  }

  async runAdapterCase(one: Case<AdapterContext>, adapter: RuntimeAdapter): Promise<void> {
    const probe = await this.#probed(adapter);
    const context = new AdapterContext(this.#options, adapter, probe, this.#scope);
    let failed = true;
    try {
      await one.body(context);
      failed = false;
    } finally {
      const cleaned = context.cleanUp().finally(() => context.undo());
      await (failed ? within('cleaning up', 10_000, cleaned).catch(() => undefined) : cleaned);
    }
  }

  async runSandboxCase(one: Case<SandboxContext>, adapter: RuntimeAdapter): Promise<void> {
    const probe = await this.#probed(adapter);
    this.#shared ??= new SharedSandbox(() => this.#makeShared(probe));
    const context = new SandboxContext(this.#options, adapter, probe, this.#scope, this.#shared);
    let failed = true;
    try {
      await one.body(context);
      failed = false;
    } finally {
      const cleaned = context.cleanUp().finally(() => context.undo());
      if (failed)
        await within('cleaning up', 10_000, Promise.all([cleaned, this.#shared.drop()])).catch(
          () => undefined,
        );
      else await cleaned;
    }
  }

  /** On an adapter of its own: those of the cases are closed after them. */
  async #makeShared(probe: ProbeResult) {
    const adapter = await this.#options.createAdapter();
    const manager = managerFor(this.#options, adapter, probe, this.#scope);
    const close = async () => {
      await manager.close();
      await adapter.close();
    };
    try {
      return { box: await manager.create(), close };
    } catch (error) {
      await close();
      throw error;
    }
  }

  async end(): Promise<void> {
    await this.#shared?.drop();
    (this.#options.print ?? console.log)(this.#tally.line());
  }

  /** Once for all cases: what a runtime can do here does not change while a suite runs. */
  async #probed(adapter: RuntimeAdapter): Promise<ProbeResult> {
    this.#tally.runtime = adapter.runtime;
    this.#probe ??= adapter.probe();
    const probe = await this.#probe;
    if (probe.status !== 'healthy') {
      throw new Error(`${adapter.runtime} is ${probe.status}: ${probe.message}; ${probe.remedy ?? ''}`);
    }
    return probe;
  }
}

/** Beyond its limit, a limited control may be refused by name, like one that is not there. */
async function refusedAsLimited(
  { controls = [] }: Needs,
  capabilities: Capabilities,
  attempt: Promise<void>,
): Promise<string | undefined> {
  try {
    await attempt;
    return undefined;
  } catch (error) {
    if (!SandboxError.is(error) || error.code !== 'UNSUPPORTED') throw error;
    const { message } = error;
    const control = controls.find(
      (name) => capabilities.controls[name].support === 'limited' && message.includes(name),
    );
    if (control === undefined) throw error;
    return `${control} limited: ${capabilities.controls[control].how}`;
  }
}

/** The first thing that a case needs and the runtime does not have here, in words. */
function unsupported(needs: Needs, capabilities: Capabilities): string | undefined {
  for (const control of needs.controls ?? []) {
    const { support, how } = capabilities.controls[control];
    if (support === 'unsupported') return `${control} unsupported: ${how}`;
  }
  if (needs.isolated && capabilities.boundary === 'process') return 'no boundary: a plain process';
  if (needs.refusalOf !== undefined) {
    const rows: Readonly<Record<string, Capability>> = { ...capabilities.controls, ...capabilities.facets };
    if (rows[needs.refusalOf]?.support !== 'unsupported') return 'refusal of what is supported';
  }
  for (const control of needs.enforced ?? []) {
    const { support, how } = capabilities.controls[control];
    if (support !== 'enforced') return `${control} ${support}: ${how}`;
  }
  for (const facet of needs.facets ?? []) {
    const { support, how } = capabilities.facets[facet];
    if (support === 'unsupported') return `${facet} unsupported: ${how}`;
  }
  return undefined;
}
