import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createReferenceAdapter } from '../src/reference/index.ts';
import { sandboxGroups } from '../src/sandbox/index.ts';
import { runSuite } from './mini-runner.ts';

const directory = join(tmpdir(), `sandbox-reference-${randomUUID()}`);
afterAll(() => rm(directory, { recursive: true, force: true }));

/** The adapter's own rules would find the claims out; what core makes of it is sound all the same. */
describe('what core makes with the reference adapter', () => {
  for (const group of sandboxGroups) {
    it(`${group.id}: ${group.title}`, async () => {
      const { cases, failed, summary } = await runSuite(
        {
          createAdapter: () =>
            createReferenceAdapter({ directory, claims: ['namespaces', 'network-none', 'workspace-access'] }),
        },
        (id) => id.startsWith(`${group.id}/`),
      );
      expect(cases.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
      expect(failed).toEqual([]);
      expect(summary).toMatch(/^conformance of reference: \d+ cases run/);
    });
  }
});
