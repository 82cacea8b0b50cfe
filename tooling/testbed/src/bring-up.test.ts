import { describe, expect, it } from 'vitest';
import { bringUpOne } from './bring-up.ts';
import { defaultImage } from './image-recipes.ts';
import { type BringUpContext, type RuntimeStatus, SetupRefused, type TestbedRuntime } from './runtime.ts';

const context: BringUpContext = {
  progress: { step: (_, work) => work(), note: () => {} },
  signal: new AbortController().signal,
};

/** A runtime in this state, in which nothing but what a case allows may be called. */
const runtime = (
  name: string,
  state: RuntimeStatus['state'],
  hasImage: boolean,
  allowed: Partial<TestbedRuntime> = {},
) =>
  ({
    name,
    packages: [],
    detect: async () => ({ state }),
    hasImage: async () => hasImage,
    ensureImage: async () => (hasImage ? 'present' : 'built'),
    ...allowed,
  }) as unknown as TestbedRuntime;

/** One that is not here, and can be had. */
function fetchable(name: string): TestbedRuntime {
  let state: RuntimeStatus['state'] = 'absent';
  const install = async () => {
    state = 'healthy';
  };
  return runtime(name, 'absent', true, { detect: async () => ({ state }), install });
}
const refused = (name: string) =>
  runtime(name, 'absent', false, {
    install: () => Promise.reject(new SetupRefused(`no ${name}`, { commands: [`get ${name}`] })),
  });

const chosen = async (...runtimes: TestbedRuntime[]) =>
  (await bringUpOne(runtimes, [defaultImage], context)).runtime;

describe('bringUpOne', () => {
  it('takes what is here with its image, and fetches nothing then', async () => {
    expect(await chosen(refused('nsjail'), runtime('docker', 'healthy', true))).toBe('docker');
    expect(await chosen(runtime('nsjail', 'healthy', true), runtime('docker', 'healthy', true))).toBe(
      'nsjail',
    );
  });

  it('builds no image where something else needs none', async () => {
    expect(await chosen(fetchable('nsjail'), runtime('docker', 'healthy', false))).toBe('nsjail');
  });

  it('fetches the first that can be had', async () => {
    expect(await chosen(fetchable('nsjail'), fetchable('docker'))).toBe('nsjail');
    expect(await chosen(refused('nsjail'), fetchable('docker'))).toBe('docker');
  });

  it('says what to type for each when none can be had', async () => {
    await expect(chosen(refused('nsjail'), refused('docker'))).rejects.toMatchObject({
      message: 'no nsjail\nno docker',
      commands: ['get nsjail', 'get docker'],
    });
  });
});
