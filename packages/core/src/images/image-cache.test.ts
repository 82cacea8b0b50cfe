import { describe, expect, it, vi } from 'vitest';
import type { RuntimeAdapter } from '../adapter/adapter.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { ImageCache } from './image-cache.ts';

const info = (id: string) => ({ id, tags: [], sizeBytes: 1, labels: {} });

function runtime(here: boolean) {
  let there = here;
  const inspect = vi.fn(async (image: string) => {
    if (!there) throw new SandboxError('NOT_FOUND', `no ${image}`);
    return info('inspected');
  });
  const pull = vi.fn(async (_image: string, _options?: object) => {
    there = true;
    return info('pulled');
  });
  return {
    adapter: { runtime: 'docker', images: { inspect, pull } } as never as RuntimeAdapter,
    inspect,
    pull,
  };
}

describe('ImageCache', () => {
  it('asks once for images in a row', async () => {
    const { adapter, inspect, pull } = runtime(true);
    const cache = new ImageCache();
    for (let n = 0; n < 3; n += 1)
      expect((await cache.ensure(adapter, { image: 'a' }))?.id).toBe('inspected');
    await cache.ensure(adapter, { image: 'b' });
    cache.forget(adapter, 'a');
    await cache.ensure(adapter, { image: 'a' });
    expect([inspect.mock.calls.length, pull.mock.calls.length]).toEqual([3, 0]);
  });

  it('pulls what is missing, with progress, and always when told to', async () => {
    const { adapter, pull } = runtime(false);
    const cache = new ImageCache();
    const onProgress = vi.fn();
    const { signal } = new AbortController();
    expect((await cache.ensure(adapter, { image: 'a', onProgress, signal }))?.id).toBe('pulled');
    expect(pull).toHaveBeenCalledExactlyOnceWith('a', { onProgress, signal });
    await cache.ensure(adapter, { image: 'a' });
    await cache.ensure(adapter, { image: 'a', pull: 'always' });
    expect(pull).toHaveBeenCalledTimes(2);
  });

  it('never pulls when told not to, and says how to', async () => {
    const { adapter, pull } = runtime(false);
    const ensured = new ImageCache().ensure(adapter, { image: 'a:1', pull: 'never' });
    await expect(ensured).rejects.toMatchObject({
      ...{ code: 'NOT_FOUND', runtime: 'docker', hint: expect.stringContaining('sandbox pull a:1') },
    });
    expect(pull).not.toHaveBeenCalled();
  });

  it('says what to do when it cannot be pulled', async () => {
    const { adapter, pull } = runtime(false);
    pull.mockRejectedValue(new SandboxError('UNAVAILABLE', 'no registry answers'));
    await expect(new ImageCache().ensure(adapter, { image: 'a' })).rejects.toMatchObject({
      ...{ code: 'UNAVAILABLE', operation: 'images.pull', hint: expect.stringContaining('--image') },
    });
  });

  it('has nothing to do for a runtime without images, and refuses other words', async () => {
    const cache = new ImageCache();
    expect(await cache.ensure({ runtime: 'nsjail' } as never, { image: 'a' })).toBeUndefined();
    const wrong = cache.ensure(runtime(true).adapter, { image: 'a', pull: 'maybe' as never });
    await expect(wrong).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
