import { runConformance } from '@sandbox/conformance';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appleContainerForTests, here, scope } from './apple-container-here.ts';

/**
 * What each fault can get at; all of the suite again would only take its time.
 *
 * - Slow removal, late starts: what an adapter makes, starts, ends, takes away and lists.
 * - Swallowed signals: whatever is ended. Who sends TERM to a client waits for ever.
 * - JSON of other releases: whatever is read. What runs inside of a sandbox never sees it.
 *
 * A program that hangs has no result to hold against the suite: `faults.test.ts` has every call give up in time.
 */
const faults = [
  {
    name: 'slow, deaf, and as 0.12 printed',
    version: '1.2.2',
    faults: 'slow-rm:300,late-start:200,swallow-signals,json-shape:0.12.3',
    groups:
      /^(apple|probe|lifecycle|idempotence|labels|leftovers|raw-exec|errors|volumes|images|life|remains)/,
  },
  {
    name: 'as 1.4 prints',
    version: '1.4.1',
    faults: '',
    groups: /^(apple|probe|enforcement|images|volumes)/,
  },
];

for (const { name, version, faults: words, groups } of faults)
  describe.runIf(here && process.platform !== 'darwin')(name, () => {
    beforeAll(() => {
      process.env.FAKE_CONTAINER_VERSION = version;
      process.env.FAKE_CONTAINER_FAULTS = words;
    });
    afterAll(() => {
      delete process.env.FAKE_CONTAINER_VERSION;
      delete process.env.FAKE_CONTAINER_FAULTS;
    });

    runConformance({
      name: `apple-container ${name}`,
      describe: (title, body) => {
        if (groups.test(title)) describe(title, body);
      },
      ...{ it, expect, afterAll, scope, createAdapter: appleContainerForTests },
    });
  });
