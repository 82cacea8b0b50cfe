import type { RuntimeAdapter } from '../adapter/adapter.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { isThere } from '../kept/find-sandbox.ts';
import { LABEL } from '../naming/labels.ts';
import { validateId } from '../naming/names.ts';
import type { Services } from '../services/services.ts';
import { onlyAvailable } from '../services/unavailable.ts';
import {
  checkProjectOwner,
  chooseProject,
  findProject,
  type ProjectVolume,
  projectsAt,
  volumesOf,
} from './projects.ts';

/** The volume of a project. */
export interface VolumeDetails {
  readonly project: string;
  readonly name: string;
  readonly runtime: string;
  readonly user: string | null;
  /** Who its tasks run as, inside of them: `uid:gid`. */
  readonly ids: string;
  readonly createdAt: Date | null;
  /** Null where it was not asked for, or the runtime does not tell. */
  readonly sizeBytes: number | null;
  /** That have a sandbox now. */
  readonly tasks: readonly string[];
}

export interface VolumeListOptions {
  /** Asks for `sizeBytes` too, which takes a while. Default false. */
  readonly sizes?: boolean | undefined;
  /** Called with the reason for each of several runtimes that could not be asked. */
  readonly onUnavailable?: ((reason: SandboxError) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RemoveVolumeOptions {
  /** Where more than one has a volume of this project. */
  readonly runtime?: string | undefined;
  /** Refuses what belongs to another user. */
  readonly user?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PruneVolumesOptions extends Omit<VolumeListOptions, 'sizes'> {
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean | undefined;
  /** Only of these projects. Default: of all. */
  readonly projects?: readonly string[] | undefined;
}

export interface PruneVolumesReport {
  readonly removed: readonly VolumeDetails[];
  readonly kept: readonly VolumeDetails[];
  readonly failed: readonly (VolumeDetails & { readonly error: string })[];
}

/** The volumes of projects. No sweep removes one: what is in them is for good until somebody says so. */
export interface ProjectVolumes {
  /** All of this scope. A runtime that is here and cannot be asked is `UNAVAILABLE`, unless `onUnavailable` is there to hear of it. */
  list(options?: VolumeListOptions): Promise<VolumeDetails[]>;
  /** Removes the volume of a project with all that is in it. `NOT_FOUND` where there is none, `FAILED_PRECONDITION` while it has tasks. */
  remove(project: string, options?: RemoveVolumeOptions): Promise<void>;
  /** Removes the volumes of all projects that have no tasks. */
  prune(options?: PruneVolumesOptions): Promise<PruneVolumesReport>;
}

export async function listVolumes(services: Services, options: VolumeListOptions): Promise<VolumeDetails[]> {
  const lists = await onlyAvailable(services, options, async (adapter) => {
    if (!(await isThere(services, adapter, 'volumes', options.signal))) return [];
    const volumes = await projectsAt(services, adapter, options);
    return volumes.length === 0 ? [] : detailsAt(adapter, volumes, options.signal);
  });
  return lists.flat().sort((one, other) => (one.name < other.name ? -1 : 1));
}

export async function removeVolume(
  services: Services,
  project: string,
  { runtime, user, signal }: RemoveVolumeOptions,
): Promise<void> {
  const operation = 'volumes.remove';
  const { found, unasked } = await findProject(services, validateId(project, 'project'), signal);
  const [first] = unasked;
  const chosen = chooseProject(project, found, runtime, operation);
  if (chosen === undefined && first !== undefined) {
    const message = `it cannot be told whether project ${project} has a volume: ${first.message}`;
    throw new SandboxError('UNAVAILABLE', message, {
      ...{ operation, runtime: first.runtime, hint: first.hint, cause: first },
    });
  }
  if (chosen === undefined) {
    throw new SandboxError('NOT_FOUND', `project ${project} has no volume`, {
      operation,
      hint: '`sandbox volumes ls` shows those that there are.',
    });
  }
  if (user !== undefined) checkProjectOwner(chosen, user, operation);
  const { adapter, volume } = chosen;
  const [details] = await detailsAt(adapter, [chosen], signal);
  const tasks = details?.tasks ?? [];
  if (tasks.length > 0) throw inUse(project, tasks, adapter);
  await volumesOf(adapter).remove(volume.name, { signal });
}

export async function pruneVolumes(
  services: Services,
  { dryRun = false, projects, ...options }: PruneVolumesOptions,
): Promise<PruneVolumesReport> {
  const all = await listVolumes(services, options);
  const volumes = all.filter(({ project }) => projects?.includes(project) ?? true);
  const removed: VolumeDetails[] = [];
  const kept: VolumeDetails[] = [];
  const failed: (VolumeDetails & { error: string })[] = [];
  for (const volume of volumes) {
    const adapter = services.adapters.find(({ runtime }) => runtime === volume.runtime);
    if (volume.tasks.length > 0 || adapter === undefined) {
      kept.push(volume);
      continue;
    }
    try {
      if (!dryRun) await volumesOf(adapter).remove(volume.name, { signal: options.signal });
      removed.push(volume);
    } catch (error) {
      // A task has come meanwhile.
      if (SandboxError.is(error) && error.code === 'FAILED_PRECONDITION') kept.push(volume);
      else failed.push({ ...volume, error: error instanceof Error ? error.message : String(error) });
    }
  }
  return { removed, kept, failed };
}

async function detailsAt(
  adapter: RuntimeAdapter,
  volumes: readonly ProjectVolume[],
  signal: AbortSignal | undefined,
): Promise<VolumeDetails[]> {
  const sandboxes = await adapter.list({}, { signal });
  return volumes.map(({ volume, labels }) => ({
    project: labels.project,
    name: volume.name,
    runtime: adapter.runtime,
    user: labels.user ?? null,
    ids: `${labels.ids.uid}:${labels.ids.gid}`,
    createdAt: labels.createdAt ?? volume.createdAt ?? null,
    sizeBytes: volume.sizeBytes ?? null,
    tasks: sandboxes
      .filter(
        (info) =>
          info.labels[LABEL.project] === labels.project && info.labels[LABEL.lifecycle] === 'long-lived',
      )
      .map((info) => info.labels[LABEL.task] ?? info.name)
      .sort(),
  }));
}

function inUse(project: string, tasks: readonly string[], { runtime }: RuntimeAdapter): SandboxError {
  const which = tasks.length === 1 ? 'a task' : `${tasks.length} tasks`;
  const message = `the volume of project ${project} is in use by ${which}: ${tasks.join(', ')}`;
  return new SandboxError('FAILED_PRECONDITION', message, {
    ...{ operation: 'volumes.remove', runtime },
    hint: `End ${tasks.length === 1 ? 'it' : 'each'} first: \`sandbox task end --project ${project} --task ${tasks[0]}\`.`,
  });
}
