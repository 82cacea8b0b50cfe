import { runConformance } from '@sandbox/conformance';
import { afterAll, describe, expect, it } from 'vitest';
import { faults } from './faults.ts';
import { isHere, type JailRuntime, scopeOf, take } from './jail-runtime.ts';
import { agent, becomeOrdinaryUser } from './ordinary-user.ts';
import { paths } from './paths.ts';
import { rights } from './rights.ts';

export { isHere, type JailRuntime } from './jail-runtime.ts';

type Who = 'whoever runs this' | 'an ordinary user';

/** What goes wrong, for a test file of its own. */
export async function jailFaults(runtime: JailRuntime, who: Who = 'whoever runs this'): Promise<void> {
  const here = await prepare(runtime, who);
  faults(here);
  paths(here);
  rights(here);
}

/** The suite that every adapter passes, for a test file of its own. */
export async function jailConformance(runtime: JailRuntime, who: Who = 'whoever runs this'): Promise<void> {
  const here = await prepare(runtime, who);
  const isOrdinary = who === 'an ordinary user';
  runConformance({
    name: isOrdinary ? `${runtime.runtime} as ${who}` : runtime.runtime,
    describe: here ? describe : describe.skip,
    ...{ it, expect, afterAll },
    scope: isOrdinary ? `${scopeOf(runtime)}-user` : scopeOf(runtime),
    ...(agent && { agent }),
    createAdapter: () => runtime.createAdapter(),
  });
}

async function prepare(runtime: JailRuntime, who: Who): Promise<boolean> {
  take(runtime);
  const here = await isHere(runtime);
  if (here && who === 'an ordinary user') becomeOrdinaryUser(runtime);
  return here;
}
