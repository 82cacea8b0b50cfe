import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Control } from '@sandbox/core';
import { afterAll, describe, expect, it } from 'vitest';
import { createReferenceAdapter } from '../src/reference/index.ts';
import { type BrokenVariant, brokenVariants } from './broken-variants.ts';
import { runSuite } from './mini-runner.ts';

const claims: readonly Control[] = ['namespaces', 'network-none', 'workspace-access'];
const directories: string[] = [];

afterAll(async () => {
  for (const directory of directories) await endAllIn(directory);
});

describe('broken variants of the reference adapter', () => {
  it('are many, and each has a name of its own', () => {
    expect(brokenVariants.length).toBeGreaterThanOrEqual(20);
    expect(new Set(brokenVariants.map(({ name }) => name)).size).toBe(brokenVariants.length);
  });

  it.concurrent.each(brokenVariants.map((variant) => [variant.name, variant] as const))(
    'one that %s is found',
    async (_name, variant) => {
      const { failed } = await run(variant, (sound) => variant.breakIt(sound));
      expect(failed).toEqual([variant.intended]);
    },
  );

  it('is what fails: the cases pass without the defect', async () => {
    for (const claimed of [false, true]) {
      const intended = new Set(
        brokenVariants.filter((one) => (one.claims ?? false) === claimed).map((one) => one.intended),
      );
      const { failed } = await runSuite(
        {
          createAdapter: () =>
            createReferenceAdapter({ directory: directoryFor(), claims: claimed ? claims : [] }),
        },
        (id) => intended.has(id),
      );
      expect(failed).toEqual([]);
    }
  });
});

function run(variant: BrokenVariant, breakIt: BrokenVariant['breakIt']) {
  const directory = directoryFor();
  const createAdapter = () =>
    breakIt(createReferenceAdapter({ directory, claims: variant.claims ? claims : [] }));
  return runSuite({ createAdapter }, (id) => id === variant.intended);
}

function directoryFor(): string {
  const directory = join(tmpdir(), `sandbox-variant-${randomUUID()}`);
  directories.push(directory);
  return directory;
}

/** Some variants leave behind what they should not: that is their defect. */
async function endAllIn(directory: string): Promise<void> {
  const sound = createReferenceAdapter({ directory });
  for (const { name } of await sound.list()) await sound.remove(name, { volumes: true });
  await rm(directory, { recursive: true, force: true });
}
