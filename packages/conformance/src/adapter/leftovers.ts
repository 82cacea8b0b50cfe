import { defineGroup } from '../harness/case.ts';
import { hostProcessesWith } from '../harness/host.ts';

export const leftovers = defineGroup('leftovers', 'nothing is left behind', (test) => {
  test('process-after-end', 'when a main process ends, what it started in the background ends', async (t) => {
    const mark = markOf();
    const { name } = await background(t, mark, 'exit 0');
    await t.goneByItself(name);
    await t.eventually('its processes are gone', async () => (await hostProcessesWith(mark)).length === 0);
  });

  for (const verb of ['kill', 'remove'] as const) {
    test(
      `process-after-${verb}`,
      `when ${verb} has returned, no process of an attached sandbox is left`,
      async (t) => {
        const mark = markOf();
        const { name } = await background(t, mark, 'exec cat');
        await t.adapter[verb](name);
        t.expect(await hostProcessesWith(mark)).toEqual([]);
      },
    );

    test(
      `sessions-after-${verb}`,
      `when ${verb} has returned, no process of a session is left`,
      { facets: ['long-lived'] },
      async (t) => {
        const mark = markOf();
        const name = await t.running();
        const raw = await t.adapter.exec(name, {
          argv: ['/bin/sh', '-c', `${strays(mark)} echo up; exec cat`],
        });
        t.expect(await t.firstLine(raw.stdout)).toBe('up');
        await t.adapter[verb](name);
        t.expect(await hostProcessesWith(mark)).toEqual([]);
      },
    );
  }

  test('failed-create', 'a create that was refused leaves nothing', async (t) => {
    const spec = t.spec({ env: { A: 'a\0b' } });
    await t.refused('INVALID_ARGUMENT', t.adapter.create(spec));
    t.expect(await t.adapter.list({ 'dev.sandbox.name': spec.name })).toEqual([]);
    t.expect((await t.adapter.volumes?.list({ 'dev.sandbox.name': spec.name })) ?? []).toEqual([]);
  });

  test(
    'failed-start',
    'a main program that is not there is an error, or an end; the sandbox can be removed',
    async (t) => {
      const { name } = await t.create({ argv: ['/no/such/program'] });
      const outcome = await t.adapter.start(name, { attach: true }).then(
        async (raw) => (await t.collect(raw)).exitCode,
        (error: { code?: string }) => error.code,
      );
      t.expect(outcome).not.toBe(0);
      await t.adapter.remove(name);
      t.expect(await t.adapter.list({ 'dev.sandbox.name': name })).toEqual([]);
    },
  );

  test('by-label', 'after a round of work, nothing carries the label any more', async (t) => {
    const label = { 'dev.sandbox.task': markOf() };
    const ended = await t.attached(['/bin/sh', '-c', 'true'], { labels: label });
    const made = await t.create({ labels: label });
    const running = await t.attached(['/bin/sh', '-c', 'exec cat'], { labels: label });
    await t.collect(ended.raw);
    await t.adapter.remove(made.name);
    await t.adapter.remove(running.name);
    await t.goneByItself(ended.name);
    t.expect(await t.adapter.list(label)).toEqual([]);
    t.expect((await t.adapter.volumes?.list(label)) ?? []).toEqual([]);
  });

  test('close-keeps', 'close leaves sandboxes as they are', { facets: ['long-lived'] }, async (t) => {
    const name = await t.running();
    await t.exec(name, 'echo kept > kept.txt');
    await t.adapter.close();
    t.expect((await t.exec(name, 'cat kept.txt')).stdout).toBe('kept\n');
  });

  test('whole-suite', 'nothing of this suite is left', async (t) => {
    const left = await t.adapter.list({ 'dev.sandbox.scope': t.scope });
    t.expect(left.map((info) => info.name)).toEqual([]);
    const volumes = (await t.adapter.volumes?.list({ 'dev.sandbox.scope': t.scope })) ?? [];
    t.expect(volumes.map((volume) => volume.name)).toEqual([]);
  });
});

function markOf(): string {
  return `98${Math.floor(Math.random() * 1e9)}`;
}

/** One plain background process, and one that has left its parent, session and group. */
function strays(mark: string): string {
  return `sleep ${mark}.1 >/dev/null 2>&1 </dev/null & (setsid sh -c 'sleep ${mark}.2 >/dev/null 2>&1 </dev/null &');`;
}

async function background(
  t: import('../harness/adapter-context.ts').AdapterContext,
  mark: string,
  end: string,
) {
  const { name, raw } = await t.attached(['/bin/sh', '-c', `${strays(mark)} echo up; ${end}`]);
  t.expect(await t.firstLine(raw.stdout)).toBe('up');
  raw.stdout.resume();
  raw.stderr.resume();
  return { name, raw };
}
