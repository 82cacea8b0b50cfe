import { runConformance } from '@sandbox/conformance';
import { afterAll, describe, expect, it } from 'vitest';
import { appleContainerForTests, here, scope } from './apple-container-here.ts';

runConformance({
  name: 'apple-container',
  describe: here ? describe : describe.skip,
  it,
  expect,
  afterAll,
  scope,
  createAdapter: appleContainerForTests,
});
