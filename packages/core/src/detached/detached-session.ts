import type { DetachedRecord, GuestDetached } from '@sandbox/guest';
import { SandboxError } from '../errors/sandbox-error.ts';
import type { SandboxGuest } from '../sandbox/sandbox-guest.ts';

/** What listing and killing may take on top of a grace. */
const BEYOND_MS = 5_000;

interface AskOptions {
  readonly signal?: AbortSignal | undefined;
  /** Whether a sandbox that has stopped is started for it. */
  readonly revive?: boolean;
  /** Whether it may be asked once more, in another session. */
  readonly repeatable?: boolean;
}

/** The way to the main process of a sandbox, which keeps the detached commands. */
export class DetachedSession {
  readonly #guest: SandboxGuest;

  constructor(guest: SandboxGuest) {
    this.#guest = guest;
  }

  /** `UNSUPPORTED`, by name, where the sandbox keeps no detached commands; `NOT_FOUND` where it does not run. */
  async ask<T>(
    operation: string,
    work: (detached: GuestDetached) => Promise<T>,
    { signal, revive = false, repeatable = true }: AskOptions = {},
  ): Promise<T> {
    const guest = this.#guest;
    const key = await this.#key(operation);
    const once = () =>
      guest.use({ signal, revive }, false, (session) =>
        work(session.detached(key)).catch((error: unknown) => {
          throw guest.error(error, operation, signal);
        }),
      );
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await once();
      } catch (error) {
        await this.#explain(error, operation, signal);
        // A session that was lost has been forgotten by now.
        const lost = SandboxError.is(error) && error.code === 'UNAVAILABLE';
        if (!lost || !repeatable || attempt > 1) throw error;
      }
    }
  }

  /** Throws what is meant by an error that says less. */
  async #explain(error: unknown, operation: string, signal: AbortSignal | undefined): Promise<void> {
    if (!SandboxError.is(error) || signal?.aborted) return;
    const { adapter, name } = this.#guest;
    const aboutId = error.code === 'NOT_FOUND' || error.code === 'INVALID_ARGUMENT';
    if (aboutId && operation !== 'spawn') {
      throw SandboxError.withContext(error, {
        hint: `\`sandbox ps ${name}\` shows those that are remembered.`,
      });
    }
    if (!['UNAVAILABLE', 'FAILED_PRECONDITION', 'UNSUPPORTED'].includes(error.code)) return;
    if (!(await this.#isStopped())) {
      if (error.code !== 'UNSUPPORTED') return;
      throw SandboxError.withContext(error, { hint: RECREATE });
    }
    throw new SandboxError('NOT_FOUND', 'the sandbox does not run: what ran in it has ended with it', {
      ...{ operation, runtime: adapter.runtime, sandbox: name, cause: error },
    });
  }

  /** Nothing is started to find out. */
  async #isStopped(): Promise<boolean> {
    const { adapter, name, state } = this.#guest;
    if (state === 'stopped' || state === 'created' || state === 'removed') return true;
    try {
      return (await adapter.inspect(name)).state === 'stopped';
    } catch (error) {
      if (SandboxError.is(error) && error.code === 'NOT_FOUND') return true;
      throw error;
    }
  }

  /** SIGTERM to all that run, SIGKILL after the grace. What stands in the way is no reason not to stop a sandbox. */
  async endAll(graceMs: number): Promise<void> {
    const { lifecycle, initKey, state } = this.#guest;
    if (lifecycle !== 'long-lived' || initKey === undefined || state !== 'running') return;
    const signal = AbortSignal.timeout(graceMs + BEYOND_MS);
    const running = (record: DetachedRecord): boolean => record.status === null;
    await this.ask(
      'stop',
      async (detached) => {
        const records = (await detached.list({ signal })).filter(running);
        await Promise.all(records.map(({ id }) => detached.kill(id, { graceMs, signal })));
      },
      { signal, repeatable: false },
    ).catch(() => {});
  }

  async #key(operation: string): Promise<string> {
    const { adapter, services, lifecycle, name, initKey } = this.#guest;
    const context = { operation, runtime: adapter.runtime, sandbox: name };
    const { capabilities } = await services.probes.probe(adapter);
    const { support, how } = capabilities.facets.detached;
    if (support === 'unsupported') {
      const hint =
        'Use spawn for work that ends with this program, or another runtime: `sandbox doctor` shows which can.';
      throw new SandboxError('UNSUPPORTED', `detached: ${adapter.runtime} keeps no commands: ${how}`, {
        ...context,
        hint,
      });
    }
    if (lifecycle === 'ephemeral') {
      const hint = 'Open a long-lived sandbox for it, or use spawn.';
      throw new SandboxError(
        'UNSUPPORTED',
        'detached: an ephemeral sandbox ends with the program that made it',
        { ...context, hint },
      );
    }
    if (initKey !== undefined) return initKey;
    throw new SandboxError(
      'UNSUPPORTED',
      'detached: the sandbox was made by a version without detached commands',
      { ...context, hint: RECREATE },
    );
  }
}

const RECREATE =
  'Make it again with `--recreate`: home and workspace are kept, what else was changed in it is lost.';
