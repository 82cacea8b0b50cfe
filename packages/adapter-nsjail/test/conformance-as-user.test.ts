import { createNsjailAdapter } from '@sandbox/adapter-nsjail';
import { runConformance } from '@sandbox/conformance';
import { afterAll, describe, expect, it } from 'vitest';
import { agent, becomeOrdinaryUser } from './as-ordinary-user.ts';
import { nsjailIsHere, scope } from './nsjail-here.ts';

const here = await nsjailIsHere();
if (here) becomeOrdinaryUser();

runConformance({
  name: 'nsjail as an ordinary user',
  describe: here ? describe : describe.skip,
  it,
  expect,
  afterAll,
  scope: `${scope}-user`,
  agent,
  createAdapter: () => createNsjailAdapter(),
});
