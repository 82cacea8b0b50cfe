import { createDockerAdapter } from '@sandbox/adapter-docker';
import { runConformance } from '@sandbox/conformance';
import { afterAll, describe, expect, it } from 'vitest';
import { dockerIsHere, scope } from './docker-here.ts';

const here = await dockerIsHere();

runConformance({
  name: 'docker',
  describe: here ? describe : describe.skip,
  it,
  expect,
  afterAll,
  scope,
  createAdapter: () => createDockerAdapter(),
});
