import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type AdapterPlugin, RUNTIME_ID } from '@sandbox/core';
import { resolve } from 'import-meta-resolve';
import { checkVersion, refused } from './check-plugin.ts';

const PATH = /^\.{0,2}\//;
/** With a `/` that is not that of a scope, or with the end of a module's name. */
const MEANT_AS_PATH = /^[^@].*\/|\.[cm]?[jt]s$/;

/**
 * Imports the adapter that a package exports as `default`. `from` are directories: the package is looked for in the `node_modules` of the first and of those above it, then of the
 * next. Never in the working directory: a checkout must not bring the program that confines it. `FAILED_PRECONDITION` where it is not there, cannot be imported, or
 * is no adapter for this version of the contract.
 */
export async function importPlugin(name: string, from: readonly string[]): Promise<AdapterPlugin> {
  const url = find(name, from);
  const { default: plugin } = await import(url).catch((error: unknown) => {
    const isMissing = PATH.test(name) && !existsSync(fileURLToPath(url));
    throw cannotImport(
      name,
      error,
      isMissing ? 'Look whether it is there: it may have to be built first.' : undefined,
    );
  });
  check(name, plugin);
  return plugin;
}

/** A path is taken from the first directory. */
function find(name: string, [first = '/', ...others]: readonly string[]): string {
  if (PATH.test(name)) return pathToFileURL(isAbsolute(name) ? name : join(first, name)).href;
  let failure: unknown;
  for (const directory of [first, ...others]) {
    try {
      return resolve(name, pathToFileURL(join(directory, 'x')).href);
    } catch (error) {
      // It is there, and says of itself what cannot be.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cannotImport(name, error);
      failure ??= error;
    }
  }
  const where = [first, ...others].join(', nor from ');
  throw refused(
    `${name} is not found from ${where}`,
    // npm would take what looks like a path for a repository of somebody on GitHub.
    MEANT_AS_PATH.test(name)
      ? `To name a file, write ./${name}`
      : `Install it: npm install --prefix ${first} ${name}`,
    failure,
  );
}

function check(name: string, plugin: unknown): asserts plugin is AdapterPlugin {
  const { runtime, apiVersion, optionsSchema, create } = Object(plugin) as Partial<AdapterPlugin>;
  const isPlugin =
    typeof runtime === 'string' &&
    RUNTIME_ID.test(runtime) &&
    typeof apiVersion === 'number' &&
    typeof optionsSchema?.['~standard']?.validate === 'function' &&
    typeof create === 'function';
  if (!isPlugin)
    throw refused(
      `${name} is no adapter: its default export is not { runtime, apiVersion, optionsSchema, create }`,
      'Name another package, or see AdapterPlugin of @sandbox/core.',
    );
  checkVersion(name, apiVersion);
}

function cannotImport(name: string, error: unknown, hint = 'Install it again, with its dependencies.') {
  return refused(`${name} could not be imported: ${messageOf(error)}`, hint, error);
}

/** Of what a stranger's module throws. */
function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
