import { dirname, join } from 'node:path';
import { UsageError } from '../usage-error.ts';
import { whyNotByDefault } from './not-by-default.ts';

export interface Surroundings {
  /** Real path of where the caller stands. */
  readonly cwd: string;
  readonly home: string;
  isRepository(directory: string): boolean;
  hasSandbox(directory: string): boolean;
}

/**
 * The workspace of those who name none: the nearest directory, from here upwards, that has a sandbox or is a repository, else the one where they
 * stand. A home or a directory of the system is neither taken nor passed. Pure.
 */
export function defaultWorkspace({ cwd, home, isRepository, hasSandbox }: Surroundings): string {
  const reason = whyNotByDefault(cwd, home);
  if (reason !== null) {
    // A home is refused by name as well: what says which sandboxes there may be lies in it.
    const same =
      cwd === home || home.startsWith(cwd) ? '' : `; if it is to be this one, --workspace ${quoted(cwd)}`;
    throw new UsageError(
      `${cwd} is not taken as a workspace unless it is named: ${reason}`,
      `Go to the directory of the work, or name it: --workspace DIR${same}.`,
      'FAILED_PRECONDITION',
    );
  }
  return candidates(cwd, home).find((path) => isRepository(path) || hasSandbox(path)) ?? cwd;
}

/** From here upwards, as far as a workspace may be by default; empty where even this one may not. Pure. */
export function candidates(cwd: string, home: string): string[] {
  const paths: string[] = [];
  for (let path = cwd; whyNotByDefault(path, home) === null; path = dirname(path)) paths.push(path);
  return paths;
}

/** The directory of a repository has this in it: a directory of git's own, or a file that says where that is. */
export const repositoryMark = (directory: string): string => join(directory, '.git');

/** For a person who is to type it. */
function quoted(path: string): string {
  return /^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
