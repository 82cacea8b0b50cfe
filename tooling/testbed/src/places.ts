import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Records of what we started, and logs. Outside the checkout, which may be cleaned while a daemon of ours runs. */
export function stateDirectory(): string {
  return made(join(xdg('XDG_STATE_HOME', '.local/state'), 'sandbox-testbed'));
}

/** What can be made again: root file systems. */
export function cacheDirectory(): string {
  return made(join(xdg('XDG_CACHE_HOME', '.cache'), 'sandbox-testbed'));
}

function xdg(variable: string, fallback: string): string {
  const value = process.env[variable];
  // The specification says that a relative path is to be ignored.
  return value !== undefined && isAbsolute(value) ? value : join(homedir(), fallback);
}

function made(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}
