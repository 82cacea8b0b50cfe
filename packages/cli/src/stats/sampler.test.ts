import { SandboxError, type Sandboxes } from '@sandbox/core';
import { expect, test } from 'vitest';
import { Sampler } from './sampler.ts';

const STATS = { cpuMs: 1, memoryBytes: 2, memoryLimitBytes: null, pids: 3 };

/** Two that run; who asks for the figures of the second is refused. */
function sandboxesWith(failure: Error): Sandboxes {
  const details = (name: string) => ({ name, runtime: 'nsjail', state: 'running' });
  const stats = async (name: string) => {
    if (name === 'bad') throw failure;
    return STATS;
  };
  return {
    list: async () => [details('good'), details('bad')],
    get: async (name: string) => ({ stats: () => stats(name) }),
  } as unknown as Sandboxes;
}

const lost = new SandboxError('UNAVAILABLE', 'the agent does not answer', { operation: 'stats' });

test('one that tells nothing does not hide the others', async () => {
  const rows = await new Sampler(sandboxesWith(lost), null).sample();
  expect(rows).toMatchObject([
    { name: 'good', memoryBytes: 2, pids: 3 },
    { name: 'bad', state: 'running', memoryBytes: null, pids: null },
  ]);
});

test('why one that was asked for tells nothing is said', async () => {
  await expect(new Sampler(sandboxesWith(lost), ['bad']).sample()).rejects.toBe(lost);
  expect(await new Sampler(sandboxesWith(lost), ['good']).sample()).toMatchObject([{ pids: 3 }]);
  const mistake = new TypeError('of ours');
  await expect(new Sampler(sandboxesWith(mistake), null).sample()).rejects.toBe(mistake);
});
