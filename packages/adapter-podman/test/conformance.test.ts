import { createPodmanAdapter } from '@sandbox/adapter-podman';
import { runConformance } from '@sandbox/conformance';
import { afterAll, describe, expect, it } from 'vitest';
import { podmanIsHere, scope } from './podman-here.ts';

const here = await podmanIsHere();

runConformance({
  name: 'podman',
  describe: here ? describe : describe.skip,
  it,
  expect,
  afterAll,
  scope,
  createAdapter: () => createPodmanAdapter(),
});
