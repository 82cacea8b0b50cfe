import { describe, expect, it } from 'vitest';
import { ensureImage } from './docker.ts';
import type { EngineApi } from './engine-api.ts';
import type { Host } from './host.ts';
import { defaultImage, testImage } from './image-recipes.ts';
import { type BringUpContext, SetupRefused } from './runtime.ts';

const notes: string[] = [];
const context: BringUpContext = {
  progress: { step: (_, work) => work(), note: (line) => void notes.push(line) },
  signal: new AbortController().signal,
};
const macos: Host = {
  platform: 'macos',
  distribution: 'unknown',
  hasApt: false,
  isRoot: false,
  hasSystemd: false,
  installForbidden: false,
};

/** An engine with these images, in which nothing but what a case allows may be called. */
const engineWith = (images: readonly string[], allowed: Partial<EngineApi> = {}) =>
  ({ hasImage: async (name) => images.includes(name), ...allowed }) as EngineApi;

describe('ensureImage', () => {
  it('never touches a tag that exists', async () => {
    expect(await ensureImage(engineWith([defaultImage.name]), defaultImage, macos, context)).toBe('present');
  });

  it('prefers the published image', async () => {
    const engine = engineWith([], { pull: async () => {} });
    expect(await ensureImage(engine, defaultImage, macos, context)).toBe('pulled');
  });

  it('says what is needed where it can neither be pulled nor made', async () => {
    const engine = engineWith([], { pull: () => Promise.reject(new Error('no such host')) });
    const recipe = { ...defaultImage, packages: ['nothing-made-before'] };
    await expect(ensureImage(engine, recipe, macos, context)).rejects.toThrow(SetupRefused);
    expect(notes.join()).toMatch(/cannot be pulled/);
  });

  it('does not look for our own image in a registry', async () => {
    const recipe = { ...testImage, packages: ['nothing-made-before'] };
    await expect(ensureImage(engineWith([]), recipe, macos, context)).rejects.toThrow(/mmdebstrap/);
  });
});
