import { isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ADAPTER_API_VERSION, type AdapterPlugin, SandboxError } from '@sandbox/core';
import { resolve } from 'import-meta-resolve';

const RUNTIME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/**
 * Imports the adapter that a package exports as `default`. `from` are directories: the package is looked for in the `node_modules` of the first and of those above it, then of the
 * next. Never in the working directory: a checkout must not bring the program that confines it. `FAILED_PRECONDITION` where it is not there, cannot be imported, or
 * is no adapter for this version of the contract.
 */
export async function importPlugin(name: string, from: readonly string[]): Promise<AdapterPlugin> {
  const url = find(name, from);
  const { default: plugin } = await import(url).catch((error: unknown) => {
    throw refused(
      `${name} could not be imported: ${messageOf(error)}`,
      'Install it again, with its dependencies.',
      error,
    );
  });
  check(name, plugin);
  return plugin;
}

/** A path is taken from the first directory. */
function find(name: string, [first = '/', ...others]: readonly string[]): string {
  if (/^\.{0,2}\//.test(name)) return pathToFileURL(isAbsolute(name) ? name : join(first, name)).href;
  let failure: unknown;
  for (const directory of [first, ...others]) {
    try {
      return resolve(name, pathToFileURL(join(directory, 'x')).href);
    } catch (error) {
      failure ??= error;
    }
  }
  const where = [first, ...others].join(', nor from ');
  throw refused(
    `${name} is not found from ${where}`,
    `Install it: npm install --prefix ${first} ${name}`,
    failure,
  );
}

function check(name: string, plugin: unknown): asserts plugin is AdapterPlugin {
  const { runtime, apiVersion, optionsSchema, create } = Object(plugin) as Partial<AdapterPlugin>;
  const isPlugin =
    typeof runtime === 'string' &&
    RUNTIME.test(runtime) &&
    typeof apiVersion === 'number' &&
    typeof optionsSchema?.['~standard']?.validate === 'function' &&
    typeof create === 'function';
  if (!isPlugin)
    throw refused(
      `${name} is no adapter: its default export is not { runtime, apiVersion, optionsSchema, create }`,
      'Name another package, or see AdapterPlugin of @sandbox/core.',
    );
  if (apiVersion !== ADAPTER_API_VERSION)
    throw refused(
      `${name} was written for version ${apiVersion} of the contract, and this program has ${ADAPTER_API_VERSION}`,
      `Install a version of ${apiVersion > ADAPTER_API_VERSION ? 'this program' : name} that fits.`,
    );
}

function refused(message: string, hint: string, cause?: unknown): SandboxError {
  return new SandboxError('FAILED_PRECONDITION', message, { operation: 'adapters', hint, cause });
}

/** Of what a stranger's module throws. */
function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
