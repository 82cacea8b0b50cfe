import type { RuntimeAdapter } from '../adapter/adapter.ts';
import type { VolumeInfo, VolumeStore } from '../adapter/volumes.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { isThere } from '../kept/find-sandbox.ts';
import type { SelectedRuntime } from '../launch/select-runtime.ts';
import { LABEL } from '../naming/labels.ts';
import { projectVolumeName } from '../naming/names.ts';
import { type ProjectLabels, parseProjectLabels } from '../naming/project-labels.ts';
import { projectUser } from '../policy/project-user.ts';
import type { Services } from '../services/services.ts';

const CLEAR_MS = 5_000;

/** The volume of a project, as it is at one runtime. */
export interface ProjectVolume {
  readonly adapter: RuntimeAdapter;
  readonly volume: VolumeInfo;
  readonly labels: ProjectLabels;
}

/** The project volumes of this scope that one runtime has: all, or that of one project. */
export async function projectsAt(
  { scope }: Services,
  adapter: RuntimeAdapter,
  { project, ...call }: { project?: string; sizes?: boolean | undefined; signal?: AbortSignal | undefined },
): Promise<ProjectVolume[]> {
  const wanted = {
    ...{ [LABEL.managed]: 'true' },
    ...(project !== undefined && { [LABEL.project]: project }),
    ...(scope !== undefined && { [LABEL.scope]: scope }),
  };
  const volumes = (await adapter.volumes?.list(wanted, call)) ?? [];
  return volumes.flatMap((volume) => {
    const labels = parseProjectLabels(volume);
    const isWanted = labels?.scope === scope && (project ?? labels?.project) === labels?.project;
    return labels !== null && isWanted ? [{ adapter, volume, labels }] : [];
  });
}

export interface FoundProjects {
  readonly found: readonly ProjectVolume[];
  /** Why runtimes that are here could not be asked: each of them may have it. */
  readonly unasked: readonly SandboxError[];
}

/** Looks for the volume of a project at all runtimes that are there. The only one must answer. */
export async function findProject(
  services: Services,
  project: string,
  signal: AbortSignal | undefined,
): Promise<FoundProjects> {
  const unasked: SandboxError[] = [];
  const lists = await Promise.all(
    services.adapters.map(async (adapter) => {
      try {
        if (!(await isThere(services, adapter, 'volumes', signal))) return [];
        return await projectsAt(services, adapter, { project, signal });
      } catch (error) {
        if (services.adapters.length === 1 || signal?.aborted || !SandboxError.is(error)) throw error;
        unasked.push(error);
        return [];
      }
    }),
  );
  return { found: lists.flat(), unasked };
}

/** The one at the runtime that was asked for; of several, none is taken unless it is named. Undefined where there is none yet. */
export function chooseProject(
  project: string,
  found: readonly ProjectVolume[],
  runtime: string | undefined,
  operation: string,
): ProjectVolume | undefined {
  const isNamed = runtime !== undefined && runtime !== 'auto';
  const chosen = isNamed ? found.find(({ adapter }) => adapter.runtime === runtime) : found[0];
  const runtimes = found.map(({ adapter }) => adapter.runtime);
  if (chosen === undefined ? runtimes.length === 0 : isNamed || runtimes.length === 1) return chosen;
  const where = `the volume of project ${project} is at ${runtimes.join(' and at ')}`;
  throw new SandboxError('FAILED_PRECONDITION', isNamed ? `${where}, not at ${runtime}` : where, {
    operation,
    hint: isNamed
      ? `Use \`--runtime ${runtimes[0]}\`, or remove it there: \`sandbox volumes rm ${project} --runtime ${runtimes[0]}\`.`
      : `Name the one that is meant: \`--runtime ${runtimes[0]}\`.`,
  });
}

/** Refuses another user's project. */
export function checkProjectOwner(
  { adapter, labels }: ProjectVolume,
  user: string | undefined,
  operation: string,
): void {
  if (labels.user === undefined || labels.user === user) return;
  throw new SandboxError('PERMISSION_DENIED', `project ${labels.project} belongs to another user`, {
    ...{ operation, runtime: adapter.runtime },
    hint: 'Use a project of your own, or have its owner remove its volume.',
  });
}

/** What is to be written on the volume of a project that has none yet. */
export async function newProject(
  services: Services,
  { adapter, probe }: SelectedRuntime,
  { project, user, signal }: { project: string; user: string | undefined; signal: AbortSignal },
): Promise<ProjectLabels> {
  const name = projectVolumeName(project);
  const all = (await adapter.volumes?.list({ [LABEL.managed]: 'true' }, { signal })) ?? [];
  const taken = all.find((volume) => volume.name === name);
  const { scope } = services;
  const other = taken && parseProjectLabels(taken);
  if (other === null || (other !== undefined && other.scope !== scope)) throw foreign(adapter, name);
  return {
    ...{ project, user, scope, ids: projectUser(project, probe.idMapping) },
    ...{ createdAt: services.clock().now, instance: services.instance() },
  };
}

/**
 * Whether a sandbox that was just made has the volume that it was planned with, now that it keeps it from being removed: the very same, or, of a project that had none, one that
 * might as well be ours.
 */
export async function hasProject(
  services: Services,
  adapter: RuntimeAdapter,
  planned: ProjectLabels,
  { isNew, signal }: { readonly isNew: boolean; readonly signal: AbortSignal },
): Promise<boolean> {
  const [now] = await projectsAt(services, adapter, { project: planned.project, signal });
  if (now === undefined) return false;
  const { user, ids } = now.labels;
  const isAlike = ids.uid === planned.ids.uid && ids.gid === planned.ids.gid && user === planned.user;
  return isNew ? isAlike : sameMaking(now.labels, planned);
}

/** After a launch that failed: nothing has been written to it. Where another program uses it meanwhile, it stays. */
export async function removeNewProject(
  services: Services,
  adapter: RuntimeAdapter,
  { project, ...made }: ProjectLabels,
): Promise<void> {
  const signal = AbortSignal.timeout(CLEAR_MS);
  try {
    const [now] = await projectsAt(services, adapter, { project, signal });
    if (now !== undefined && sameMaking(now.labels, made))
      await volumesOf(adapter).remove(now.volume.name, { signal });
  } catch {
    // It is empty, and whoever opens the next task uses it.
  }
}

type Making = Pick<ProjectLabels, 'instance' | 'createdAt'>;

function sameMaking(one: Making, other: Making): boolean {
  return one.instance === other.instance && one.createdAt?.getTime() === other.createdAt?.getTime();
}

export function volumesOf({ runtime, volumes }: RuntimeAdapter): VolumeStore {
  if (volumes !== undefined) return volumes;
  throw new SandboxError('UNSUPPORTED', `${runtime} has no volumes`, { operation: 'volumes', runtime });
}

function foreign({ runtime }: RuntimeAdapter, name: string): SandboxError {
  return new SandboxError(
    'FAILED_PRECONDITION',
    `${runtime} has a volume ${name} that is not a project's of ours`,
    {
      ...{ operation: 'open', runtime },
      hint: 'Use another project id, or remove that volume with the runtime itself.',
    },
  );
}
