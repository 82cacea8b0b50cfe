import { type GuestUser, parseUser } from '../policy/user.ts';
import { LABEL } from './labels.ts';
import { projectVolumeName } from './names.ts';

/** What the volume of a project says of itself. It has no `name`: it belongs to no sandbox, and goes with none. */
export interface ProjectLabels {
  readonly project: string;
  /** Whom it belongs to; nobody in particular when undefined. */
  readonly user: string | undefined;
  /** Who its guests are. */
  readonly ids: GuestUser;
  readonly createdAt: Date | undefined;
  readonly instance: string | undefined;
  readonly scope: string | undefined;
}

export function projectLabelsFor(values: ProjectLabels): Record<string, string> {
  const { project, user, ids, createdAt, instance, scope } = values;
  const labels = {
    [LABEL.managed]: 'true',
    [LABEL.project]: project,
    [LABEL.user]: user,
    [LABEL.ids]: `${ids.uid}:${ids.gid}`,
    [LABEL.createdAt]: createdAt?.toISOString(),
    [LABEL.instance]: instance,
    [LABEL.scope]: scope,
  };
  return Object.fromEntries(
    Object.entries(labels).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}

/** The other way round; null for what is not the volume of a project of ours. */
export function parseProjectLabels({
  name,
  labels,
}: {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}): ProjectLabels | null {
  const project = labels[LABEL.project];
  if (labels[LABEL.managed] !== 'true' || project === undefined) return null;
  const createdAt = new Date(labels[LABEL.createdAt] ?? Number.NaN);
  try {
    // Whoever came in a moment when it was not there may have made one of its name that belongs to a sandbox.
    if (name !== projectVolumeName(project) || labels[LABEL.name] !== undefined) return null;
    return {
      project,
      user: labels[LABEL.user],
      ids: parseUser(labels[LABEL.ids] ?? ''),
      createdAt: Number.isNaN(createdAt.getTime()) ? undefined : createdAt,
      instance: labels[LABEL.instance],
      scope: labels[LABEL.scope],
    };
  } catch {
    return null;
  }
}
