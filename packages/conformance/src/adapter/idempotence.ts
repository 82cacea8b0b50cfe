import { defineGroup } from '../harness/case.ts';
import { collect, firstLine } from '../harness/raw-output.ts';

const longLived = { facets: ['long-lived'] } as const;

export const idempotence = defineGroup('idempotence', 'what is said twice is done once', (test) => {
  test(
    'start-twice',
    'starting what runs changes nothing: the same processes go on',
    longLived,
    async (t) => {
      const name = await t.running();
      const raw = await t.adapter.exec(name, { argv: ['/bin/sh', '-c', 'echo up; exec cat'] });
      t.expect(await firstLine(raw.stdout)).toBe('up');
      t.expect(await t.adapter.start(name)).toBe(undefined);
      raw.stdin.write('undisturbed\n');
      t.expect(await firstLine(raw.stdout)).toBe('undisturbed');
      await collect(raw);
    },
  );

  test(
    'start-runs-once',
    'starting twice runs the main process once',
    { facets: ['long-lived', 'shared-processes'] },
    async (t) => {
      const name = await t.running({ argv: ['/bin/sh', '-c', 'echo start >> starts.txt; exec sleep 600'] });
      await t.untilExec(name, 'test -e starts.txt');
      await t.adapter.start(name);
      await Promise.all([t.adapter.start(name), t.adapter.start(name)]);
      t.expect((await t.exec(name, 'cat starts.txt')).stdout).toBe('start\n');
    },
  );

  for (const verb of ['stop', 'kill', 'remove'] as const) {
    test(`${verb}-twice`, `${verb} twice in a row succeeds`, async (t) => {
      const { name } = await t.create();
      await t.adapter[verb](name);
      t.expect(await t.adapter[verb](name)).toBe(undefined);
    });

    test(`${verb}-at-once`, `${verb} four times at once succeeds four times`, longLived, async (t) => {
      const name = await t.running();
      const done = await Promise.all([1, 2, 3, 4].map(() => t.adapter[verb](name)));
      t.expect(done).toEqual([undefined, undefined, undefined, undefined]);
      const left = (await t.adapter.list({ 'dev.sandbox.name': name })).map((info) => info.state);
      t.expect(left).toEqual(verb === 'remove' ? [] : ['stopped']);
    });
  }

  test('create-at-once', 'of four that want one name at once, one gets it', async (t) => {
    const spec = t.spec();
    const tries = await Promise.allSettled([1, 2, 3, 4].map(() => t.adapter.create(spec)));
    const codes = tries.map((one) => (one.status === 'fulfilled' ? 'made' : one.reason.code));
    t.expect(codes.sort()).toEqual(['ALREADY_EXISTS', 'ALREADY_EXISTS', 'ALREADY_EXISTS', 'made']);
    t.expect((await t.adapter.inspect(spec.name)).state).toBe('created');
  });

  test('remove-running', 'remove ends what runs, and returns when it is gone', longLived, async (t) => {
    const name = await t.running();
    await t.adapter.remove(name);
    t.expect(await t.adapter.list({ 'dev.sandbox.name': name })).toEqual([]);
  });

  test('stop-while-ending', 'stop of an ephemeral sandbox that is just going succeeds', async (t) => {
    const { name, raw } = await t.attached(['/bin/sh', '-c', 'exit 0']);
    const output = collect(raw);
    await t.adapter.stop(name);
    await t.adapter.remove(name);
    await output;
    await t.refused('NOT_FOUND', t.adapter.inspect(name));
  });

  test('close-twice', 'close may be called again', async ({ adapter, expect }) => {
    expect(await adapter.close()).toBe(undefined);
    expect(await adapter.close()).toBe(undefined);
  });
});
