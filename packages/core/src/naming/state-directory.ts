import { isAbsolute, join, resolve } from 'node:path';
import { homeDirectory } from './home-directory.ts';

/** Where programs of this user keep what they know of sandboxes: `SANDBOX_STATE_DIR`, else `sandbox` in the XDG state directory. Pure but for the home directory. */
export function stateDirectory(env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (env.SANDBOX_STATE_DIR) return resolve(env.SANDBOX_STATE_DIR);
  const state = env.XDG_STATE_HOME;
  return join(state && isAbsolute(state) ? state : join(homeDirectory(), '.local/state'), 'sandbox');
}

/** The registry of this user's programs: in a directory of its own, which nobody else may enter. */
export function registryFile(env?: Readonly<Record<string, string | undefined>>): string {
  return join(stateDirectory(env), 'registry', 'sandboxes.sqlite');
}

/** What this user's programs have recorded of executions, in such a directory too. */
export function executionsFile(env?: Readonly<Record<string, string | undefined>>): string {
  return join(stateDirectory(env), 'monitoring', 'executions.sqlite');
}
