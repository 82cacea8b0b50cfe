import { dirname } from 'node:path';
import type { Config } from '@sandbox/config';
import type { CommandContext } from '../command-context.ts';
import { type AdapterEntry, chooseEntries, entryOf } from './adapter-entry.ts';

/**
 * The runtimes that `--runtime` leaves: of those that the program brings, that the configuration names and that `--adapter` does. Packages are imported only where they may be
 * used. One that cannot be is an entry all the same, whose `load` says why.
 */
export async function findEntries(
  context: CommandContext,
  config: Config,
  runtime?: string,
): Promise<readonly AdapterEntry[]> {
  const bundled = context.entries;
  if (runtime !== undefined && bundled.some((entry) => entry.runtime === runtime))
    return chooseEntries(bundled, runtime);
  return chooseEntries([...bundled, ...(await strangers(context, config))], runtime);
}

async function strangers(context: CommandContext, config: Config): Promise<readonly AdapterEntry[]> {
  const { directory, io, adapterNames, entries: bundled } = context;
  const ofFile = config.file === undefined ? [] : [dirname(config.file)];
  const entries: AdapterEntry[] = [];
  for (const name of new Set([...config.adapters, ...adapterNames])) {
    // A path that was typed is one from where it was typed; a name never is.
    const isTypedPath = name.startsWith('.') && !config.adapters.includes(name);
    const entry = await stranger(name, isTypedPath ? [io.cwd] : [...ofFile, directory]);
    const taken = [...bundled, ...entries].some(({ runtime }) => runtime === entry.runtime);
    entries.push(taken ? await clashing(name, entry.runtime) : entry);
  }
  return entries;
}

async function stranger(name: string, from: readonly string[]): Promise<AdapterEntry> {
  try {
    const { importPlugin } = await import('./import-plugin.ts');
    return entryOf(await importPlugin(name, from));
  } catch (error) {
    return { runtime: name, failure: error, load: () => Promise.reject(error) };
  }
}

async function clashing(name: string, runtime: string): Promise<AdapterEntry> {
  const { SandboxError } = await import('@sandbox/core');
  const error = new SandboxError('FAILED_PRECONDITION', `${name} is a second adapter for ${runtime}`, {
    operation: 'adapters',
    hint: 'Take one of them out of `adapters` in sandbox.toml, or of --adapter.',
  });
  return { runtime: name, load: () => Promise.reject(error) };
}
