import {
  ADAPTER_API_VERSION,
  type CallOptions,
  type RuntimeAdapter,
  SandboxError,
  withDeadline,
} from '@sandbox/core';
import { listExtras, removeExtras } from './extras.ts';
import { type Host, readHost } from './host.ts';
import { IdRanges } from './ids.ts';
import type { Jailer } from './jailer.ts';
import { probe } from './probe.ts';
import { JailSandboxes } from './sandboxes.ts';
import { defaultStateDirectory, StateDirectory } from './state.ts';
import { DirectoryVolumes } from './volumes.ts';

/** For all runtimes and state directories of this host: ids are the kernel's. */
const RANGES_DIRECTORY = '/var/lib/sandbox/ids';

export interface DaemonlessOptions {
  /**
   * Where sandboxes, volumes and agents are kept.
   * @default `$SANDBOX_STATE_DIR/<runtime>`; else as root `/var/lib/sandbox/<runtime>`, otherwise `$XDG_STATE_HOME/sandbox/<runtime>`
   */
  readonly stateDirectory?: string | undefined;
  /**
   * The cgroup that sandboxes get theirs in, as a path below each hierarchy's mount: `/sandbox`. Made where it is not there.
   * @default `/sandbox` as root; otherwise `/sandbox-<uid>`, or with cgroup v2 beside the program's own
   */
  readonly cgroupParent?: string | undefined;
  /** For each call. @default 30000 */
  readonly callTimeoutMs?: number | undefined;
}

/** The adapter of a runtime without a daemon. Does no I/O: the program is looked for with the first call. */
export function createDaemonlessAdapter(jailer: Jailer, options: DaemonlessOptions = {}): RuntimeAdapter {
  const { runtime, capabilities } = jailer;
  const { cgroupParent, callTimeoutMs: ms = 30_000 } = options;
  const isRoot = process.geteuid?.() === 0;
  const state = new StateDirectory(
    options.stateDirectory ?? defaultStateDirectory(runtime, process.env, isRoot),
  );
  const ranges = new IdRanges(RANGES_DIRECTORY);
  const volumes = new DirectoryVolumes(state, ranges, (operation, sandbox, call, body) =>
    within(operation, sandbox, call, body),
  );
  let known: Host | undefined;
  const look = () => {
    known = readHost(jailer, cgroupParent);
    return known;
  };
  const world = { jailer, state, volumes, ranges, host: () => known ?? look() };
  const sandboxes = new JailSandboxes(world);

  async function within<T>(
    operation: string,
    sandbox: string | undefined,
    call: CallOptions | undefined,
    body: (signal: AbortSignal) => T | Promise<T>,
  ): Promise<Awaited<T>> {
    const context = { operation, runtime, sandbox };
    try {
      return await withDeadline(
        { signal: call?.signal, ms, ...context },
        async (signal) => await body(signal),
      );
    } catch (error) {
      throw SandboxError.withContext(nameErrno(error), context);
    }
  }

  return {
    ...{ runtime, apiVersion: ADAPTER_API_VERSION, capabilities, volumes },
    probe: (call) => within('probe', undefined, call, (signal) => probe(jailer, look, signal)),
    create: (spec, call) => within('create', spec.name, call, (signal) => sandboxes.create(spec, signal)),
    start: ((name: string, call?: CallOptions & { attach?: boolean }) =>
      within('start', name, call, (signal) =>
        sandboxes.start(name, { attach: call?.attach === true, signal }),
      )) as RuntimeAdapter['start'],
    exec: (name, request, call) =>
      within('exec', name, call, (signal) => sandboxes.exec(name, request, signal)),
    stop: (name, call) =>
      within('stop', name, call, (signal) => sandboxes.stop(name, { graceMs: call?.graceMs, signal })),
    kill: (name, call) => within('kill', name, call, (signal) => sandboxes.stop(name, { signal })),
    remove: (name, call) =>
      within('remove', name, call, (signal) =>
        sandboxes.remove(name, { volumes: call?.volumes === true, signal }),
      ),
    inspect: (name, call) =>
      within('inspect', name, call, () => sandboxes.inspect(name, { readback: call?.spec !== undefined })),
    list: (labels = {}, call) =>
      within('list', undefined, call, (signal) => sandboxes.list(labels, { signal, sizes: call?.sizes })),
    sweep: (_labels, call) =>
      within('sweep', undefined, call, async () => {
        if (call?.all) await removeExtras(world);
      }),
    extras: (call) => within('extras', undefined, call, (signal) => listExtras(world, signal)),
    stats: (name, call) => within('stats', name, call, () => sandboxes.stats(name)),
    close: () => sandboxes.close(),
  };
}

/** What the system refused is told by its own code. */
function nameErrno(error: unknown): unknown {
  if (SandboxError.is(error)) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EMFILE' || code === 'EAGAIN')
    return new SandboxError('RESOURCE_EXHAUSTED', message, { cause: error });
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new SandboxError('PERMISSION_DENIED', message, { cause: error });
  return error;
}
