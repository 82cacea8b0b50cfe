import type { RuntimeAdapter } from '../adapter/adapter.ts';
import { listBelongings } from '../cleanup/belongings.ts';
import { cleanUp } from '../cleanup/cleanup.ts';
import { pruneImages } from '../cleanup/prune-images.ts';
import { uninstall } from '../cleanup/uninstall.ts';
import { CommandError } from '../command/command-error.ts';
import { toSandboxError } from '../errors/guest-errors.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { prepareImages } from '../images/prepare-images.ts';
import { findSandbox, isThere } from '../kept/find-sandbox.ts';
import { handleFor } from '../kept/handle-for.ts';
import { openLongLived } from '../kept/long-lived.ts';
import { workspacesOf } from '../kept/workspaces.ts';
import { createEphemeral } from '../launch/ephemeral.ts';
import { homesAt, missingSandboxes } from '../lifecycle/homes.ts';
import { unlessFailed } from '../monitoring/observer.ts';
import { LABEL } from '../naming/labels.ts';
import { validateName } from '../naming/names.ts';
import type { Caller } from '../policy/settings.ts';
import { listVolumes, type ProjectVolumes, pruneVolumes, removeVolume } from '../projects/project-volumes.ts';
import { endTask, isTask, openTask } from '../projects/tasks.ts';
import { detailsOf } from '../sandbox/details.ts';
import type {
  CreateOptions,
  EndTaskOptions,
  OpenOptions,
  RunOptions,
  RunResult,
  Sandbox,
  SandboxDetails,
  TaskOptions,
} from '../sandbox/types.ts';
import type { Services } from '../services/services.ts';
import { onlyAvailable } from '../services/unavailable.ts';
import { createServices } from './create-services.ts';
import { runOnce } from './run-once.ts';
import type {
  Belonging,
  CleanupOptions,
  CleanupReport,
  ListOptions,
  PruneOptions,
  PruneReport,
  Sandboxes,
  SandboxesOptions,
  UninstallOptions,
  UninstallReport,
} from './sandboxes.ts';
import { subjectOf } from './subject.ts';

/** All sandboxes of a program. Making it does no I/O. */
export function createSandboxes(options: SandboxesOptions): Sandboxes {
  return new SandboxesManager(createServices(options), options.registry === undefined);
}

class SandboxesManager implements Sandboxes {
  readonly volumes: ProjectVolumes = {
    list: (options = {}) => this.#call('volumes', options.signal, () => listVolumes(this.#services, options)),
    remove: (project, options = {}) =>
      this.#call('volumes.remove', options.signal, () => removeVolume(this.#services, project, options)),
    prune: (options = {}) =>
      this.#call('volumes.prune', options.signal, () => pruneVolumes(this.#services, options)),
  };
  readonly #services: Services;
  readonly #ownsRegistry: boolean;
  /** Calls that make or use something and have not settled. */
  readonly #pending = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  constructor(services: Services, ownsRegistry: boolean) {
    this.#services = services;
    this.#ownsRegistry = ownsRegistry;
  }

  get adapters(): readonly RuntimeAdapter[] {
    return this.#services.adapters;
  }

  run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return this.#call('run', options.signal, () => runOnce(this.#services, command, options));
  }

  open(options: OpenOptions): Promise<Sandbox>;
  open(options: TaskOptions): Promise<Sandbox>;
  open(options: OpenOptions | TaskOptions): Promise<Sandbox> {
    return this.#making('open', options, () =>
      isTask(options) ? openTask(this.#services, options) : openLongLived(this.#services, options),
    );
  }

  endTask(project: string, task: string, options: EndTaskOptions = {}): Promise<boolean> {
    return this.#call('endTask', options.signal, () => endTask(this.#services, project, task, options));
  }

  create(options: CreateOptions & { readonly start?: boolean } = {}): Promise<Sandbox> {
    const { start = true } = options;
    return this.#making('create', options, () => createEphemeral(this.#services, { options, start }));
  }

  get(name: string, caller?: Caller): Promise<Sandbox> {
    return this.#call('get', undefined, async () => {
      const { found, unasked, absent } = await findSandbox(this.#services, validateName(name));
      if (found !== undefined) return handleFor(this.#services, found, caller);
      throw unasked.length > 0 ? perhapsThere(name, unasked) : notThere(name, absent);
    });
  }

  list(options: ListOptions = {}): Promise<SandboxDetails[]> {
    return this.#call('list', options.signal, async () => {
      const lists = await onlyAvailable(this.#services, options, (adapter) => this.#listAt(adapter, options));
      return lists.flat().sort((one, other) => (one.name < other.name ? -1 : 1));
    });
  }

  workspaces({ signal }: Pick<ListOptions, 'signal'> = {}): Promise<string[]> {
    return this.#call('workspaces', signal, async () =>
      workspacesOf(this.#services, () => this.list({ signal, onUnavailable: () => {} })),
    );
  }

  cleanup(options: CleanupOptions = {}): Promise<CleanupReport> {
    return this.#call('cleanup', options.signal, () => cleanUp(this.#services, options));
  }

  usage(options: Omit<ListOptions, 'sizes'> = {}): Promise<Belonging[]> {
    return this.#call('usage', options.signal, () =>
      listBelongings(this.#services, { ...options, sizes: true }),
    );
  }

  prune(options: PruneOptions = {}): Promise<PruneReport> {
    return this.#call('prune', options.signal, () => pruneImages(this.#services, options));
  }

  uninstall(options: UninstallOptions = {}): Promise<UninstallReport> {
    return this.#call('uninstall', options.signal, () => uninstall(this.#services, options));
  }

  prepare(options: Parameters<Sandboxes['prepare']>[0]): Promise<void> {
    return this.#call('prepare', options.signal, () => prepareImages(this.#services, options));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #making<T>(
    operation: 'create' | 'open',
    options: CreateOptions | TaskOptions,
    work: () => Promise<T>,
  ): Promise<T> {
    const { signal } = options;
    const subject = () => subjectOf(this.#services, options);
    return this.#call(operation, signal, () =>
      unlessFailed(this.#services.observer, operation, subject, work, signal),
    );
  }

  async #call<T>(operation: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw closedError(operation);
    const result = work();
    this.#pending.add(result);
    try {
      return await result;
    } catch (error) {
      const known = SandboxError.is(error) && !signal?.aborted;
      throw known || CommandError.is(error) ? error : toSandboxError(error, { operation }, signal);
    } finally {
      this.#pending.delete(result);
    }
  }

  async #listAt(adapter: RuntimeAdapter, { signal, sizes }: ListOptions): Promise<SandboxDetails[]> {
    const { scope } = this.#services;
    if (!(await isThere(this.#services, adapter, 'list', signal))) return [];
    const labels = scope === undefined ? {} : { [LABEL.scope]: scope };
    const { registry, held } = this.#services;
    const listing = adapter.list(labels, { signal, sizes }).catch((error) => {
      // A list without sizes is better than none.
      if (!sizes || signal?.aborted) throw error;
      return adapter.list(labels, { signal });
    });
    const [infos, homes] = await Promise.all([listing, homesAt(adapter, labels, { signal })]);
    // After the homes: who makes a sandbox records it first.
    const known = await registry.list();
    const missing = missingSandboxes(homes, adapter.runtime, { infos, records: known });
    // What builds an image has our labels too, and no name.
    const own = [...infos, ...missing].filter(
      ({ labels }) => labels[LABEL.scope] === scope && labels[LABEL.name] !== undefined,
    );
    const records = new Map(known.map((record) => [record.name, record]));
    const enforcement = new Map([...held].map((handle) => [handle.name, handle.enforcement]));
    return own.map((info) =>
      detailsOf(this.#services, adapter, info, records.get(info.name), enforcement.get(info.name)),
    );
  }

  async #close(): Promise<void> {
    const { closing, held, adapters, orphans, observer, registry } = this.#services;
    closing.abort(closedError('close'));
    const handles = async (): Promise<PromiseSettledResult<void>[]> =>
      Promise.allSettled([...held].map((handle) => handle.close()));
    const first = await handles();
    // What was under way has found its session closed, or has given up, and clears away what it made.
    await Promise.allSettled([...this.#pending]);
    const results = [...first, ...(await handles())];
    await orphans.end();
    await Promise.allSettled(adapters.map((adapter) => adapter.close()));
    await observer?.close();
    if (this.#ownsRegistry) await registry.close();
    const failures = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason);
    if (failures.length > 0) throw toSandboxError(failures[0], { operation: 'close' });
  }
}

function notThere(name: string, absent: readonly string[]): SandboxError {
  const unasked =
    absent.length === 0 ? '' : ` Not asked, because not found on this machine: ${absent.join(', ')}.`;
  return new SandboxError('NOT_FOUND', `there is no sandbox ${name}`, {
    operation: 'get',
    sandbox: name,
    hint: `\`sandbox ls\` shows those that there are.${unasked}`,
  });
}

/** Nobody who answered has it. */
function perhapsThere(name: string, unasked: readonly SandboxError[]): SandboxError {
  const [first] = unasked;
  return new SandboxError(
    'UNAVAILABLE',
    `it cannot be told whether there is a sandbox ${name}: ${unasked.map(({ message }) => message).join('; ')}`,
    { operation: 'get', sandbox: name, runtime: first?.runtime, hint: first?.hint, cause: first },
  );
}

function closedError(operation: string): SandboxError {
  return new SandboxError('FAILED_PRECONDITION', 'the manager of sandboxes was closed', {
    operation,
    hint: 'Make another one with createSandboxes.',
  });
}
