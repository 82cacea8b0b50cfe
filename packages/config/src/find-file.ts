import { existsSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { homeDirectory } from '@sandbox/core';

export interface FindFileOptions {
  /** From the command line; relative to `cwd`. */
  readonly file?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly cwd?: string | undefined;
  readonly home?: string | undefined;
  /** @default '/etc' */
  readonly systemDirectory?: string | undefined;
}

export interface FoundFile {
  /** Where it is looked for, the first that is there counts. One alone for a file that was named. */
  readonly candidates: readonly string[];
  /** Who named it: it must be there then. Null: it was looked for. */
  readonly namedBy: '--config' | 'SANDBOX_CONFIG' | null;
}

/**
 * Where the configuration is: `--config`, `SANDBOX_CONFIG`, `$XDG_CONFIG_HOME/sandbox/sandbox.toml`, `/etc/sandbox/sandbox.toml`. Never in the working
 * directory: a checkout must not widen its own sandbox. Pure.
 */
export function configCandidates({
  file,
  env = process.env,
  cwd = process.cwd(),
  home,
  systemDirectory = '/etc',
}: FindFileOptions = {}): FoundFile {
  if (file !== undefined) return { candidates: [resolve(cwd, file)], namedBy: '--config' };
  // An empty variable is one that is not set.
  if (env.SANDBOX_CONFIG)
    return { candidates: [resolve(cwd, env.SANDBOX_CONFIG)], namedBy: 'SANDBOX_CONFIG' };
  const { XDG_CONFIG_HOME: xdg } = env;
  // The specification wants relative paths ignored, and here one would lead into the working directory.
  const own = xdg && isAbsolute(xdg) ? xdg : join(homeDirectory(home), '.config');
  return {
    candidates: [join(own, 'sandbox', 'sandbox.toml'), join(systemDirectory, 'sandbox', 'sandbox.toml')],
    namedBy: null,
  };
}

/** How people name no file at all. */
const NONE = '/dev/null';

/** The file that counts, or null. One that was named counts whether it is there or not. */
export function findConfigFile({ candidates, namedBy }: FoundFile): string | null {
  const [first] = candidates;
  if (namedBy !== null) return first === undefined || first === NONE ? null : first;
  return candidates.find((candidate) => existsSync(candidate)) ?? null;
}
