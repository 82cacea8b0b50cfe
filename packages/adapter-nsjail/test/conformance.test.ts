import { createNsjailAdapter } from '@sandbox/adapter-nsjail';
import { runConformance } from '@sandbox/conformance';
import { afterAll, describe, expect, it } from 'vitest';
import { nsjailIsHere, scope } from './nsjail-here.ts';

const here = await nsjailIsHere();

runConformance({
  name: 'nsjail',
  describe: here ? describe : describe.skip,
  it,
  expect,
  afterAll,
  scope,
  createAdapter: () => createNsjailAdapter(),
});
