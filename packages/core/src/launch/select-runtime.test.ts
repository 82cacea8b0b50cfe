import { describe, expect, it } from 'vitest';
import type { ProbeResult, RuntimeAdapter } from '../adapter/adapter.ts';
import { CONTROLS, FACETS, type Support } from '../adapter/capabilities.ts';
import { createServices } from '../manager/create-services.ts';
import type { PolicyInput } from '../policy/policy.ts';
import { resolvePolicy } from '../policy/resolve-policy.ts';
import { type RuntimeRequest, selectRuntime } from './select-runtime.ts';

type Kind = Partial<ProbeResult> & {
  readonly boundary?: 'vm' | 'container' | 'process';
  readonly lacks?: readonly string[];
};

/** Only what a selection asks: a name and a probe. */
function adapter(
  runtime: string,
  { boundary = 'container', lacks = [], ...probe }: Kind = {},
): RuntimeAdapter {
  const table = (names: readonly string[]) =>
    Object.fromEntries(
      names.map((name) => [
        name,
        { support: (lacks.includes(name) ? 'unsupported' : 'enforced') as Support, how: `${name} how` },
      ]),
    );
  const capabilities = { controls: table(CONTROLS), facets: table(FACETS), boundary } as never;
  const result = { status: 'healthy', message: 'fine', capabilities, ...probe };
  return { runtime, apiVersion: 1, capabilities, probe: async () => result } as never;
}

function select(adapters: RuntimeAdapter[], more: Partial<RuntimeRequest> = {}, policy: PolicyInput = {}) {
  const resolved = resolvePolicy({
    ...{ lifecycle: 'ephemeral', trust: 'familiar' },
    layers: [{ source: 'request', values: policy }],
  });
  return selectRuntime(createServices({ adapters }), { resolved, workspace: false, ...more });
}

const nsjail = adapter('nsjail', { boundary: 'process', lacks: ['network-full', 'long-lived'] });
const docker = adapter('docker');
const podman = adapter('podman', { rootless: true, lacks: ['memory'] });
const apple = adapter('apple-container', { boundary: 'vm', lacks: ['pids'] });
const gone = adapter('gone', {
  status: 'undetected',
  message: 'no socket',
  remedy: 'apt install gone',
  boundary: 'vm',
});
const sick = adapter('sick', {
  status: 'unhealthy',
  message: 'no cgroups',
  remedy: 'mend it',
  boundary: 'vm',
});

describe('auto', () => {
  it('prefers the strongest boundary, then engines without root rights', async () => {
    const order: string[] = [];
    let left = [nsjail, docker, gone, podman, sick, apple];
    while (left.some(({ runtime }) => runtime !== 'gone' && runtime !== 'sick')) {
      const { adapter: best } = await select(left, { runtime: 'auto' });
      order.push(best.runtime);
      left = left.filter((candidate) => candidate !== best);
    }
    expect(order).toEqual(['apple-container', 'podman', 'docker', 'nsjail']);
  });

  it('takes one that can enforce what was asked for', async () => {
    const all = [nsjail, docker, podman, apple];
    expect((await select(all, {}, { pids: 100 })).adapter.runtime).toBe('podman');
    expect((await select(all, {}, { pids: 100, memoryBytes: 1e9 })).adapter.runtime).toBe('docker');
    expect((await select(all, { facets: ['long-lived'] })).adapter.runtime).toBe('apple-container');
  });

  it('says why it took that one, and what stands against those before', async () => {
    const { reason } = await select([nsjail, docker, podman, gone], {}, { memoryBytes: 1e9 });
    expect(reason).toMatch(
      /^auto: docker is the first .*; passed over: gone \(.*no socket\), podman \(.*memory.*\)$/,
    );
    expect((await select([docker, nsjail])).reason).not.toContain('passed over');
  });

  it('gives every reason and remedy when there is none', async () => {
    await expect(select([gone, sick, nsjail], {}, { network: 'full' })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(
        /gone was not found: no socket.*sick cannot run sandboxes: no cgroups|sick.*gone/s,
      ),
      hint: expect.stringMatching(/apt install gone/),
    });
    await expect(select([gone, sick, nsjail], {}, { network: 'full' })).rejects.toThrow(
      /nsjail: .*network-full/,
    );
  });
});

describe('a runtime by name', () => {
  it('is taken, or refused with its own reason', async () => {
    expect(await select([nsjail, docker], { runtime: 'nsjail' })).toMatchObject({
      ...{ adapter: { runtime: 'nsjail' }, reason: 'asked for by name' },
    });
    await expect(select([gone, docker], { runtime: 'gone' })).rejects.toMatchObject({
      ...{ code: 'UNAVAILABLE', runtime: 'gone', hint: 'apt install gone' },
    });
    await expect(
      select([nsjail, docker], { runtime: 'nsjail', facets: ['long-lived'] }),
    ).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
    await expect(select([docker], { runtime: 'lxc' })).rejects.toMatchObject({
      ...{ code: 'NOT_FOUND', hint: expect.stringContaining('docker') },
    });
  });

  it('is the only one where nothing is named', async () => {
    expect(await select([docker])).toMatchObject({ adapter: { runtime: 'docker' }, reason: 'the only one' });
    await expect(select([gone])).rejects.toMatchObject({ code: 'UNAVAILABLE', hint: 'apt install gone' });
  });
});

describe('adapters', () => {
  it('are one of each kind, at this version of the contract', () => {
    expect(() => createServices({ adapters: [docker, adapter('docker')] })).toThrow(
      /two adapters for docker/,
    );
    expect(() => createServices({})).toThrow(/no adapter/);
    for (const id of ['auto', 'Docker', 'a b', ''])
      expect(() => createServices({ adapter: adapter(id) })).toThrow(/is not the id of a runtime/);
    expect(() => createServices({ adapter: { ...docker, apiVersion: 2 as never } })).toThrow(/version 2/);
    expect(createServices({ adapter: docker, adapters: [docker] }).adapters).toEqual([docker]);
  });
});
