import { SandboxError } from '@sandbox/core';
import type { AdapterContext } from '../harness/adapter-context.ts';
import { defineGroup } from '../harness/case.ts';

const facets = ['images'] as const;

export const images = defineGroup('images', 'where sandboxes are made from images', (test) => {
  test('inspect', 'the image of a sandbox can be looked at', { facets }, async (t) => {
    const image = await theImage(t);
    if (image === undefined) return;
    const info = await store(t).inspect(image);
    t.expect(info.id).not.toBe('');
    t.expect(info.sizeBytes).toBeGreaterThanOrEqual(1);
    t.expect(typeof info.labels).toBe('object');
  });

  test('inspect-missing', 'one that is not there is NOT_FOUND', { facets }, async (t) => {
    await t.refused('NOT_FOUND', store(t).inspect('sandbox.invalid/no/such:image'));
  });

  test('list', 'list holds it', { facets }, async (t) => {
    const image = await theImage(t);
    if (image === undefined) return;
    const { id } = await store(t).inspect(image);
    t.expect((await store(t).list()).map((info) => info.id)).toContain(id);
  });

  test('list-by-label', 'list by a label that no image has is empty', { facets }, async (t) => {
    t.expect(await store(t).list({ 'dev.sandbox.scope': t.scope })).toEqual([]);
  });

  test('remove-missing', 'removing what is not there succeeds', { facets }, async (t) => {
    t.expect(await store(t).remove('sandbox.invalid/no/such:image')).toBe(undefined);
  });

  test(
    'pull-missing',
    'pulling what no registry has is refused with a code that says so',
    { facets, timeoutMs: 90_000 },
    async (t) => {
      const error = await store(t)
        .pull('sandbox.invalid/no/such:image', { signal: AbortSignal.timeout(60_000) })
        .catch((reason: unknown) => reason);
      t.expect(SandboxError.is(error)).toBe(true);
      if (SandboxError.is(error)) {
        t.expect(['NOT_FOUND', 'UNAVAILABLE', 'PERMISSION_DENIED', 'DEADLINE_EXCEEDED']).toContain(
          error.code,
        );
      }
    },
  );

  test('in-use', 'an image that a sandbox is made from is not removed', { facets }, async (t) => {
    const image = await theImage(t);
    if (image === undefined) return;
    const { id } = await store(t).inspect(image);
    await t.create();
    await t.refused('FAILED_PRECONDITION', store(t).remove(id));
    t.expect((await store(t).inspect(image)).id).toBe(id);
  });

  test(
    'entry-point-replaced',
    "the spec's argv is the whole command, whatever the image's entry point is",
    { facets },
    async (t) => {
      t.expect((await t.run('printf "%s" "$0"; tr "\\0" " " < /proc/1/cmdline | head -c 7')).stdout).toMatch(
        /^sh/,
      );
    },
  );
});

function store(t: AdapterContext) {
  if (!t.adapter.images) throw new Error('the facet images has no member');
  return t.adapter.images;
}

async function theImage(t: AdapterContext): Promise<string | undefined> {
  const { root } = t.spec();
  return root.type === 'image' ? root.image : undefined;
}
