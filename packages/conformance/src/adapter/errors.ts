import { type CallOptions, ERROR_CODES, SandboxError } from '@sandbox/core';
import type { AdapterContext } from '../harness/adapter-context.ts';
import { defineGroup } from '../harness/case.ts';
import { within } from '../harness/deadline.ts';

type Verb = 'create' | 'start' | 'exec' | 'stop' | 'kill' | 'remove' | 'inspect' | 'list' | 'stats';

const calls: Readonly<
  Record<Verb, (t: AdapterContext, name: string, options: CallOptions) => Promise<unknown>>
> = {
  create: (t, _name, options) => t.adapter.create(t.spec(), options),
  start: (t, name, options) => t.adapter.start(name, options as CallOptions & { attach?: false }),
  exec: (t, name, options) => t.adapter.exec(name, { argv: ['/bin/sh', '-c', 'true'] }, options),
  stop: (t, name, options) => t.adapter.stop(name, options),
  kill: (t, name, options) => t.adapter.kill(name, options),
  remove: (t, name, options) => t.adapter.remove(name, options),
  inspect: (t, name, options) => t.adapter.inspect(name, options),
  list: (t, _name, options) => t.adapter.list({ 'dev.sandbox.scope': t.scope }, options),
  stats: (t, name, options) => t.adapter.stats(name, options),
};

export const errors = defineGroup('errors', 'each refusal is a SandboxError with the right code', (test) => {
  for (const verb of Object.keys(calls) as Verb[]) {
    test(
      `aborted-${verb}`,
      `${verb} with a signal that has fired is DEADLINE_EXCEEDED, at once, and does nothing`,
      async (t) => {
        const { name } = await t.create();
        const attempt = calls[verb](t, name, { signal: AbortSignal.abort() });
        await within(`${verb} with an aborted signal`, 5_000, t.refused('DEADLINE_EXCEEDED', attempt));
        t.expect((await t.adapter.inspect(name)).state).toBe('created');
      },
    );
  }

  for (const verb of ['start', 'exec', 'inspect', 'stats'] as const) {
    test(
      `not-found-${verb}`,
      `${verb} of what is not there is NOT_FOUND, and names it`,
      verb === 'stats' ? { facets: ['stats'] } : {},
      async (t) => {
        const { name } = t.spec();
        const error = await t.refused('NOT_FOUND', calls[verb](t, name, {}));
        t.expect(`${error.message} ${error.sandbox}`).toContain(name);
      },
    );
  }

  test('attach-not-found', 'start with attach of what is not there is NOT_FOUND', async (t) => {
    await t.refused('NOT_FOUND', t.adapter.start(t.spec().name, { attach: true }));
  });

  test('brand', 'an error is known by its brand, has a code of the set, and can be printed', async (t) => {
    const error = await t.adapter.inspect(t.spec().name).catch((reason: unknown) => reason);
    t.expect(SandboxError.is(error)).toBe(true);
    if (!SandboxError.is(error)) return;
    t.expect(ERROR_CODES).toContain(error.code);
    t.expect(error instanceof Error).toBe(true);
    t.expect(JSON.parse(JSON.stringify(error)).code).toBe('NOT_FOUND');
    t.expect(error.message.trim()).not.toBe('');
  });

  test('runtime', 'an error names the runtime', async (t) => {
    const error = await t.refused('NOT_FOUND', t.adapter.inspect(t.spec().name));
    t.expect(error.runtime).toBe(t.adapter.runtime);
  });

  test('already-exists-names', 'ALREADY_EXISTS names what exists', async (t) => {
    const { name } = await t.create();
    const error = await t.refused('ALREADY_EXISTS', t.adapter.create(t.spec({ name })));
    t.expect(`${error.message} ${error.sandbox}`).toContain(name);
  });

  test(
    'image-missing',
    'an image that is not on this host is NOT_FOUND, and leaves nothing',
    { facets: ['images'] },
    async (t) => {
      const spec = t.spec({
        root: { type: 'image', image: 'sandbox.invalid/no/such:image', readOnly: false },
      });
      const error = await t.refused('NOT_FOUND', t.adapter.create(spec));
      t.expect(error.message).toContain('sandbox.invalid/no/such:image');
      t.expect(await t.adapter.list({ 'dev.sandbox.name': spec.name })).toEqual([]);
    },
  );

  test(
    'images-unsupported',
    'where there are no images, a root that is one is UNSUPPORTED',
    { refusalOf: 'images' },
    async (t) => {
      const spec = t.spec({ root: { type: 'image', image: 'debian:bookworm-slim', readOnly: false } });
      await t.refused('UNSUPPORTED', t.adapter.create(spec));
    },
  );

  for (const [id, argv] of [
    ['nul-in-argv', ['/bin/echo', 'a\0b']],
    ['empty-argv', []],
  ] as const) {
    test(id, `${id.replaceAll('-', ' ')} is INVALID_ARGUMENT`, async (t) => {
      await t.refused('INVALID_ARGUMENT', t.adapter.create(t.spec({ argv })));
    });
  }

  for (const [id, env] of [
    ['nul-in-env', { A: 'a\0b' }],
    ['equal-sign-in-env-name', { 'A=B': 'c' }],
    ['empty-env-name', { '': 'c' }],
  ] as const) {
    test(id, `${id.replaceAll('-', ' ')} is INVALID_ARGUMENT`, async (t) => {
      await t.refused('INVALID_ARGUMENT', t.adapter.create(t.spec({ env })));
    });
  }

  for (const [id, name] of [
    ['empty', ''],
    ['a-path', '../escape'],
    ['with-a-slash', 'a/b'],
    ['with-a-space', 'a b'],
    ['with-a-newline', 'a\nb'],
  ] as const) {
    test(
      `name-${id}`,
      `a name that is ${id.replaceAll('-', ' ')} is INVALID_ARGUMENT, and nothing is made`,
      async (t) => {
        await t.refused('INVALID_ARGUMENT', t.adapter.create({ ...t.spec(), name }));
        t.expect(await t.adapter.list({ 'dev.sandbox.name': name })).toEqual([]);
      },
    );
  }

  test('hostile-lookups', 'names that were never ours are NOT_FOUND, whatever they hold', async (t) => {
    for (const name of ['../../etc', 'a b', '%2e%2e', 'x?force=1', 'json']) {
      await t.refused('NOT_FOUND', t.adapter.inspect(`no-${name}`));
      t.expect(await t.adapter.remove(`no-${name}`)).toBe(undefined);
    }
  });
});
