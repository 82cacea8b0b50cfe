import { defineGroup } from '../harness/case.ts';

const longLived = { facets: ['long-lived'] } as const;

export const labels = defineGroup('labels', 'labels are kept, and list goes by them', (test) => {
  test('kept', 'inspect gives back every label of the spec, byte for byte', async (t) => {
    const wanted = {
      'dev.sandbox.workspace': '/home/anna/my project, "draft" = ünïcode 日本語',
      'dev.sandbox.user': '',
      'dev.sandbox.task': `a'b"c$d\`e\\f`,
      'dev.sandbox.policy-hash': '0123456789abcdef'.repeat(64),
    };
    const { name, info } = await t.create({ labels: wanted });
    const { labels: kept } = await t.adapter.inspect(name);
    t.expect(pick(kept, Object.keys(wanted))).toEqual(wanted);
    t.expect(pick(info.labels, Object.keys(wanted))).toEqual(wanted);
  });

  test('only-ours', 'labels of our prefix are those of the spec, and no more', async (t) => {
    const spec = t.spec();
    await t.adapter.create(spec);
    const { labels: kept } = await t.adapter.inspect(spec.name);
    const ours = Object.keys(kept).filter((name) => name.startsWith('dev.sandbox.'));
    t.expect(ours.sort()).toEqual(Object.keys(spec.labels).sort());
  });

  test('kept-when-stopped', 'labels survive start and stop', longLived, async (t) => {
    const { name, labels: wanted } = await t.inState('stopped');
    t.expect(pick((await t.adapter.inspect(name)).labels, Object.keys(wanted))).toEqual(wanted);
  });

  test('list-by-one', 'list finds by one label', async (t) => {
    const { name } = await t.create({ labels: { 'dev.sandbox.project': 'list-by-one' } });
    await t.create({ labels: { 'dev.sandbox.project': 'another' } });
    t.expect(await t.listed({ 'dev.sandbox.project': 'list-by-one' })).toEqual([name]);
  });

  test('list-by-all', 'list finds what carries every label that was asked for', async (t) => {
    const both = { 'dev.sandbox.project': 'by-all', 'dev.sandbox.task': 'one' };
    const { name } = await t.create({ labels: both });
    await t.create({ labels: { 'dev.sandbox.project': 'by-all' } });
    await t.create({ labels: { 'dev.sandbox.task': 'one' } });
    t.expect(await t.listed(both)).toEqual([name]);
  });

  test('list-other-value', 'list does not find a label with another value', async (t) => {
    await t.create({ labels: { 'dev.sandbox.project': 'value' } });
    t.expect(await t.listed({ 'dev.sandbox.project': 'valu' })).toEqual([]);
    t.expect(await t.listed({ 'dev.sandbox.project': '' })).toEqual([]);
    t.expect(await t.listed({ 'dev.sandbox.project': 'value=1' })).toEqual([]);
  });

  test('list-hard-value', 'list finds by values with commas, quotes and equal signs', async (t) => {
    const value = `a=b,c="d" 'e' ünï`;
    const { name } = await t.create({ labels: { 'dev.sandbox.project': value } });
    t.expect(await t.listed({ 'dev.sandbox.project': value })).toEqual([name]);
  });

  test('list-nothing', 'list of what is not there is empty', async (t) => {
    t.expect(await t.listed({ 'dev.sandbox.project': 'nobody-has-this' })).toEqual([]);
  });

  test('list-managed', 'list without labels gives what is ours, and only that', async (t) => {
    const { name } = await t.create();
    const infos = await t.adapter.list();
    t.expect(infos.map((info) => info.name)).toContain(name);
    t.expect(infos.filter((info) => info.labels['dev.sandbox.managed'] !== 'true')).toEqual([]);
  });

  test('list-every-state', 'list gives sandboxes in every state', longLived, async (t) => {
    const names = [];
    for (const state of ['created', 'running', 'stopped'] as const) names.push((await t.inState(state)).name);
    const found = await t.adapter.list({ 'dev.sandbox.scope': t.scope });
    const states = names.map((name) => found.find((info) => info.name === name)?.state);
    t.expect(states).toEqual(['created', 'running', 'stopped']);
  });

  test('list-like-inspect', 'list and inspect say the same of a sandbox', async (t) => {
    const { name } = await t.create();
    const [listed] = await t.adapter.list({ 'dev.sandbox.name': name });
    const inspected = await t.adapter.inspect(name);
    t.expect([listed?.name, listed?.state, listed?.labels]).toEqual([
      inspected.name,
      inspected.state,
      inspected.labels,
    ]);
  });

  test('list-many', 'list of twenty gives twenty, each once', async (t) => {
    const label = { 'dev.sandbox.project': 'list-many' };
    const made = await Promise.all(Array.from({ length: 20 }, () => t.create({ labels: label })));
    t.expect((await t.listed(label)).sort()).toEqual(made.map(({ name }) => name).sort());
  });
});

function pick(
  from: Readonly<Record<string, string>>,
  names: readonly string[],
): Record<string, string | undefined> {
  return Object.fromEntries(names.map((name) => [name, from[name]]));
}
