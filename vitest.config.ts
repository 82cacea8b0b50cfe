import { defineConfig } from 'vitest/config';

/**
 * Unit tests lie beside the source and need nothing but Node; everything in a `test/` folder may need a real
 * runtime, which SANDBOX_RUNTIMES names. No retries: a test that needs one is a bug.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{packages,apps,tooling}/*/src/**/*.test.ts'],
          // Property tests take a second on an idle machine, and more on a busy one.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['{packages,apps,tooling}/*/test/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
