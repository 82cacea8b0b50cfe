import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Parts of the paths of test files that take minutes, the longest first. All others take less, and fill the gaps. Those that build images on Podman are far from
 * each other: one that is interrupted in the middle of a step (`tools`) can leave an image there that breaks all lists.
 */
const LONG = [
  'adapter-podman/test/conformance',
  'adapter-apple-container/test/conformance',
  'adapter-docker/test/conformance',
  'adapter-podman/test/rootless',
  'sandbox/test/parity',
  'sandbox/test/installs',
  'sandbox/test/long-lived-faults',
  'sandbox/test/kept',
  'sandbox/test/tasks',
  'sandbox/test/tools',
  '/conformance',
  'consumer/test',
  'cli/test/exec',
  'sandbox/test/killed',
];

/** vitest begins with the largest files; the longest tests have the smallest, and would each run alone at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = LONG.findIndex((part) => moduleId.includes(part));
      return found === -1 ? LONG.length : found;
    };
    return (await super.sort(files)).sort((one, other) => place(one) - place(other));
  }
}

/**
 * Unit tests lie beside the source and need nothing but Node; everything in a `test/` folder may need a real
 * runtime, which SANDBOX_RUNTIMES names. No retries: a test that needs one is a bug.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
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
