import type { AdapterContext } from '../harness/adapter-context.ts';
import { defineGroup } from '../harness/case.ts';

const facets = ['volumes'] as const;

export const volumes = defineGroup('volumes', 'what outlives a sandbox', (test) => {
  test('ensure', 'ensure makes a volume with its labels, and finds it again', { facets }, async (t) => {
    const name = t.volume();
    const made = await store(t).ensure(name, labelsOf(t));
    t.expect([made.name, made.labels]).toEqual([name, labelsOf(t)]);
    t.expect((await store(t).ensure(name, labelsOf(t))).name).toBe(name);
  });

  test('at-once', 'all who ensure one at the same moment get the same', { facets }, async (t) => {
    const name = t.volume();
    const made = await Promise.all(
      ['a', 'b', 'c', 'd'].map((task) => store(t).ensure(name, { ...labelsOf(t), 'dev.sandbox.task': task })),
    );
    const told = new Set(made.map(({ labels }) => labels['dev.sandbox.task']));
    const there = (await store(t).list(labelsOf(t))).find((volume) => volume.name === name);
    t.expect([...told]).toEqual([there?.labels['dev.sandbox.task']]);
  });

  test('list', 'list finds it by its labels', { facets }, async (t) => {
    const name = t.volume();
    await store(t).ensure(name, { ...labelsOf(t), 'dev.sandbox.project': 'volumes-list' });
    const found = await store(t).list({
      'dev.sandbox.scope': t.scope,
      'dev.sandbox.project': 'volumes-list',
    });
    t.expect(found.map((volume) => volume.name)).toEqual([name]);
    t.expect(await store(t).list({ 'dev.sandbox.project': 'no-such' })).toEqual([]);
  });

  test('remove', 'remove removes it, and again', { facets }, async (t) => {
    const name = t.volume();
    await store(t).ensure(name, labelsOf(t));
    await store(t).remove(name);
    t.expect(await store(t).remove(name)).toBe(undefined);
    const left = await store(t).list({ 'dev.sandbox.scope': t.scope });
    t.expect(left.map((volume) => volume.name)).not.toContain(name);
  });

  test('aborted', 'a signal that has fired is DEADLINE_EXCEEDED', { facets }, async (t) => {
    await t.refused('DEADLINE_EXCEEDED', store(t).list({}, { signal: AbortSignal.abort() }));
  });

  test('outlives', 'what is written to it is there for the next sandbox', { facets }, async (t) => {
    const mounts = [home(t, t.volume())];
    await t.run('echo kept > "$HOME/kept.txt"', { mounts, env });
    t.expect((await t.run('cat "$HOME/kept.txt"', { mounts, env })).stdout).toBe('kept\n');
  });

  test('owner', 'it belongs to whom it was given', { facets }, async (t) => {
    const { uid, gid } = t.spec().user;
    const { stdout } = await t.run('stat -L -c "%u:%g" "$HOME"; touch "$HOME/f" && echo mine', {
      mounts: [home(t, t.volume())],
      env,
    });
    t.expect(stdout).toBe(`${uid}:${gid}\nmine\n`);
  });

  test('survives-remove', 'remove of a sandbox keeps its volumes', { facets }, async (t) => {
    const volume = t.volume();
    const { name } = await t.create({ mounts: [home(t, volume)], env });
    await t.adapter.remove(name);
    const left = await store(t).list({ 'dev.sandbox.scope': t.scope });
    t.expect(left.map((one) => one.name)).toContain(volume);
  });

  test(
    'removed-with',
    'remove with volumes removes those that carry its name, and no others',
    { facets },
    async (t) => {
      const [own, others] = [t.volume(), t.volume()];
      await store(t).ensure(others, labelsOf(t));
      const { name } = await t.create({
        mounts: [home(t, own), { ...home(t, others), target: '/data' }],
        env,
      });
      await t.adapter.remove(name, { volumes: true });
      const left = (await store(t).list({ 'dev.sandbox.scope': t.scope })).map((one) => one.name);
      t.expect([left.includes(own), left.includes(others)]).toEqual([false, true]);
    },
  );

  test(
    'own-labels',
    'one that is made with labels of its own has no others, belongs to its owner, and outlives its sandbox',
    { facets },
    async (t) => {
      const mount = { ...home(t, t.volume()), labels: { ...labelsOf(t), 'dev.sandbox.project': 'own' } };
      const { uid, gid } = mount.owner;
      const { stdout } = await t.run('stat -L -c "%u:%g" "$HOME"', { mounts: [mount], env });
      t.expect(stdout).toBe(`${uid}:${gid}\n`);
      const { name } = await t.create({ mounts: [mount], env });
      await t.adapter.remove(name, { volumes: true });
      const left = (await store(t).list(mount.labels)).find((one) => one.name === mount.volume);
      t.expect(left?.labels).toEqual(mount.labels);
    },
  );

  test('in-use', 'a volume in use is not removed', { facets }, async (t) => {
    const volume = t.volume();
    await t.create({ mounts: [home(t, volume)], env });
    await t.refused('FAILED_PRECONDITION', store(t).remove(volume));
  });

  test(
    'unsupported',
    'where there are none, a spec with one is UNSUPPORTED',
    { refusalOf: 'volumes' },
    async (t) => {
      await t.refused('UNSUPPORTED', t.adapter.create(t.spec({ mounts: [home(t, 'no-such')], env })));
    },
  );
});

const env = { PATH: '/usr/bin:/bin', HOME: '/home/sandbox' };

function labelsOf(t: AdapterContext) {
  return { 'dev.sandbox.managed': 'true', 'dev.sandbox.scope': t.scope };
}

function home(t: AdapterContext, volume: string) {
  const { uid, gid } = t.spec().user;
  return { type: 'volume', volume, target: '/home/sandbox', readOnly: false, owner: { uid, gid } } as const;
}

function store(t: AdapterContext) {
  if (!t.adapter.volumes) throw new Error('the facet volumes has no member');
  return t.adapter.volumes;
}
