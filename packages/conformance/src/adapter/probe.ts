import { ADAPTER_API_VERSION, CONTROLS, FACETS, RUNTIME_ID, SandboxError } from '@sandbox/core';
import { defineGroup } from '../harness/case.ts';

const rank = { unsupported: 0, limited: 1, enforced: 2 } as const;

export const probe = defineGroup('probe', 'what a runtime says of itself', (test) => {
  test('runtime-id', 'the runtime has a stable, lower-case id', async ({ adapter, expect }) => {
    expect(adapter.runtime).toMatch(RUNTIME_ID);
    expect(adapter.runtime.length).toBeLessThanOrEqual(40);
  });

  test('api-version', 'it names the version of the contract it was written for', async (t) => {
    t.expect(t.adapter.apiVersion).toBe(ADAPTER_API_VERSION);
  });

  test('every-control', 'capabilities have a row for each control, and no other', async (t) => {
    t.expect(Object.keys(t.adapter.capabilities.controls).sort()).toEqual([...CONTROLS].sort());
    t.expect(Object.keys(t.probe.capabilities.controls).sort()).toEqual([...CONTROLS].sort());
  });

  test('every-facet', 'capabilities have a row for each facet, and no other', async (t) => {
    t.expect(Object.keys(t.adapter.capabilities.facets).sort()).toEqual([...FACETS].sort());
    t.expect(Object.keys(t.probe.capabilities.facets).sort()).toEqual([...FACETS].sort());
  });

  test('words', 'each row says by what means, or what is missing', async (t) => {
    const { controls, facets, boundary } = t.probe.capabilities;
    const mute = Object.entries({ ...controls, ...facets }).filter(
      ([, { how, support }]) => how.trim() === '' || !(support in rank),
    );
    t.expect(mute.map(([name]) => name)).toEqual([]);
    t.expect(['process', 'container', 'vm']).toContain(boundary);
  });

  test('plain-data', 'capabilities are plain data that can be cloned', async ({ adapter, expect }) => {
    expect(structuredClone(adapter.capabilities)).toEqual(adapter.capabilities);
    expect(JSON.parse(JSON.stringify(adapter.capabilities))).toEqual(adapter.capabilities);
  });

  test('never-changed', 'probing and using an adapter does not change its capabilities', async (t) => {
    const before = structuredClone(t.adapter.capabilities);
    await t.adapter.probe();
    await t.run('true');
    t.expect(t.adapter.capabilities).toEqual(before);
  });

  test('never-more', 'what it can do here is never more than the best it can do anywhere', async (t) => {
    const best = t.adapter.capabilities;
    const here = t.probe.capabilities;
    const more = [
      ...CONTROLS.filter((name) => rank[here.controls[name].support] > rank[best.controls[name].support]),
      ...FACETS.filter((name) => rank[here.facets[name].support] > rank[best.facets[name].support]),
    ];
    t.expect(more).toEqual([]);
  });

  test('never-throws', 'a probe answers, and does not throw', async (t) => {
    const { status, message } = await t.adapter.probe();
    t.expect(status).toBe('healthy');
    t.expect(message).not.toBe('');
  });

  test(
    'healthy',
    'a healthy runtime tells its architecture, how ids map, and whose files it sees',
    async (t) => {
      const { architecture, idMapping, sharesHostFiles, rootless } = t.probe;
      t.expect(['amd64', 'arm64']).toContain(architecture);
      t.expect(['identity', 'caller', 'any']).toContain(idMapping?.type);
      t.expect(typeof sharesHostFiles).toBe('boolean');
      t.expect(typeof rootless).toBe('boolean');
    },
  );

  test('repeatable', 'two probes at once say the same', async (t) => {
    const [one, two] = await Promise.all([t.adapter.probe(), t.adapter.probe()]);
    t.expect(one?.capabilities).toEqual(two?.capabilities);
    t.expect(one?.status).toBe(two?.status);
  });

  test('facets-are-members', 'a facet is there exactly where its members are', async (t) => {
    const { facets } = t.probe.capabilities;
    const { images, volumes } = t.adapter;
    if (facets.images.support !== 'unsupported') t.expect(typeof images?.inspect).toBe('function');
    if (facets.build.support !== 'unsupported') t.expect(typeof images?.build).toBe('function');
    if (facets.volumes.support !== 'unsupported') t.expect(typeof volumes?.ensure).toBe('function');
    if (!images)
      t.expect([facets.images.support, facets.build.support]).toEqual(['unsupported', 'unsupported']);
    if (!volumes) t.expect(facets.volumes.support).toBe('unsupported');
  });

  test('aborted', 'an aborted probe gives up with DEADLINE_EXCEEDED, and with nothing else', async (t) => {
    const error = await t.adapter.probe({ signal: AbortSignal.abort() }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    t.expect(error === undefined || SandboxError.is(error)).toBe(true);
    if (SandboxError.is(error)) t.expect(error.code).toBe('DEADLINE_EXCEEDED');
  });
});
