import { existsSync, realpathSync } from 'node:fs';
import type { Sandboxes } from '@sandbox/core';
import type { CliIo } from '../cli-io.ts';
import { candidates, defaultWorkspace, repositoryMark } from './default-workspace.ts';

/** The workspace of a command line that names none: `defaultWorkspace` of what is here. */
export async function chooseWorkspace(
  { cwd, env }: Pick<CliIo, 'cwd' | 'env'>,
  sandboxes: Sandboxes,
  signal?: AbortSignal,
): Promise<string> {
  const { homeDirectory } = await import('@sandbox/core');
  const here = real(cwd);
  const home = real(homeDirectory(env.HOME));
  const isRepository = (directory: string) => existsSync(repositoryMark(directory));
  const near = candidates(here, home);
  // Whoever stands in a repository's own directory, or where none is, need not have the runtimes asked.
  const open = near.length > 0 && !isRepository(here);
  const known = new Set(open ? await sandboxes.workspaces({ signal }) : []);
  return defaultWorkspace({ cwd: here, home, isRepository, hasSandbox: (directory) => known.has(directory) });
}

/** What is not there is told by whoever wants to use it. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
