import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type CleanupSettings,
  createMemoryRegistry,
  createSandboxes,
  fixedSettings,
  formatInstance,
  LABEL,
  labelsFor,
  type RuntimeAdapter,
  readInstance,
  SandboxError,
  type Sandboxes,
  type SandboxesOptions,
  type SandboxRecord,
  type SettingsSource,
  TRUST_LEVELS,
  type Trust,
} from '../src/index.ts';
import { createPlainAdapter } from './support/plain-adapter.ts';

const DAY_MS = 86_400_000;
let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'cleanup-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** A program of this machine that has ended. */
function deadInstance(): string {
  return formatInstance({ ...readInstance(), startTime: '1' });
}

function setUp(scope: string | null = 'test', options: Partial<SandboxesOptions> = {}) {
  const adapter = createPlainAdapter({ directory: base });
  const registry = createMemoryRegistry();
  const sandboxes = createSandboxes({ adapter, registry, ...(scope !== null && { scope }), ...options });
  const open = (name: string, trust: Trust = 'familiar', user?: string) => {
    const workspace = join(base, name);
    mkdirSync(workspace, { recursive: true });
    return sandboxes.open({ workspace, trust, user, policy: { workspaceAccess: 'none' } });
  };
  /** As if it had last been used so long ago. */
  const age = async (name: string, days: number) => {
    const { lastUsedBoot: _now, ...record } = (await registry.get(name)) as SandboxRecord;
    // What is put over a record never takes a use back.
    await registry.remove(name);
    await registry.put({ ...record, lastUsedAt: new Date(Date.now() - days * DAY_MS) });
  };
  return { adapter, registry, sandboxes, open, age };
}

describe('cleanup', () => {
  it('removes what was idle too long, and nothing else', async () => {
    const { sandboxes, open, age } = setUp();
    const [idle, used, full, held] = await Promise.all([open('a'), open('b'), open('c', 'full'), open('d')]);
    for (const box of [idle, used, full]) await box.close();
    for (const box of [idle, full, held]) await age(box.name, 31);
    await age(used.name, 29);
    const dry = await sandboxes.cleanup({ dryRun: true });
    expect(dry.removed).toEqual([idle.name]);
    expect(await sandboxes.list()).toHaveLength(4);
    const report = await sandboxes.cleanup();
    expect(report).toMatchObject({ removed: [idle.name], failed: [] });
    expect(report.kept.map(({ name }) => name).sort()).toEqual([used.name, full.name, held.name].sort());
    expect((await held.exec(['echo', 'still here'])).stdout).toBe('still here\n');
    expect((await sandboxes.cleanup({ includeProtected: true })).removed).toEqual([full.name]);
    expect((await sandboxes.cleanup({ idleDays: 20 })).removed).toEqual([used.name]);
    await held.remove();
    await sandboxes.close();
  });

  it.each([
    ['another', 'other', 'test'],
    ['a scope, from without', 'other', null],
    ['no scope', null, 'test'],
  ])('never touches what is in %s, nor what this program holds', async (_, theirs, ours) => {
    const other = setUp(theirs);
    const kept = await other.open('a');
    await kept.close();
    await other.age(kept.name, 100);
    const { sandboxes } = setUp(ours, { registry: other.registry });
    const mine = await sandboxes.create();
    expect(await sandboxes.cleanup({ idleDays: 0 })).toMatchObject({ removed: [], failed: [] });
    expect((await mine.exec(['true'])).exitCode).toBe(0);
    expect(await other.sandboxes.list()).toHaveLength(1);
    await (await other.sandboxes.get(kept.name)).remove();
    await Promise.all([sandboxes.close(), other.sandboxes.close()]);
  });

  it('forgets records of what is gone, keeps those whose runtime does not answer', async () => {
    const { sandboxes, registry } = setUp();
    const now = new Date();
    const dead = 'v1:::1:1:1';
    const record = { workspace: null, user: null, trust: null, createdAt: now, lastUsedAt: now };
    const of = { name: 'sandbox-run-x', runtime: 'elsewhere', instance: dead };
    await registry.put({ ...record, ...of, lifecycle: 'ephemeral' });
    const report = await sandboxes.cleanup();
    expect(report.kept).toEqual([{ name: 'sandbox-run-x', reason: expect.stringContaining('elsewhere') }]);
    await sandboxes.close();
  });

  it.each(['unhealthy', 'undetected', 'deaf'])(
    'forgets nothing of a runtime that is %s, and finds it again',
    async (how) => {
      const { adapter, registry, open, age } = setUp();
      const box = await open('a');
      await box.close();
      await age(box.name, 31);
      const down = createSandboxes({
        ...{ registry, scope: 'test' },
        adapter: {
          ...adapter,
          async probe(call) {
            const { capabilities, ...result } = await adapter.probe(call);
            if (how === 'deaf') return { ...result, capabilities };
            return { capabilities, status: how as 'unhealthy', message: 'it hangs' };
          },
          list: how === 'deaf' ? () => Promise.reject(new Error('it hangs')) : adapter.list,
        },
      });
      const told: string[] = [];
      const onUnavailable = ({ message }: Error) => void told.push(message);
      const { removed, kept } = await down.cleanup({ onUnavailable });
      expect(told).toEqual(how === 'undetected' ? [] : [expect.stringContaining('it hangs')]);
      expect({ removed, kept }).toEqual({
        removed: [],
        kept: [{ name: box.name, reason: expect.stringContaining('does not answer') }],
      });
      expect(await registry.get(box.name)).toBeDefined();
      await down.close();
      const up = createSandboxes({ adapter, registry, scope: 'test' });
      expect((await up.cleanup()).removed).toEqual([box.name]);
      await up.close();
    },
  );

  it('takes the record of a long-lived one that is gone, and no home of one that was half made', async () => {
    const { sandboxes, registry, adapter } = setUp();
    const removed: [string, boolean | undefined][] = [];
    const watched = createSandboxes({
      ...{ registry, scope: 'test' },
      adapter: {
        ...adapter,
        list: async (labels) =>
          (await adapter.list(labels)).map((info) => ({
            ...info,
            state: 'creating' as const,
            labels: { ...info.labels, [LABEL.instance]: deadInstance() },
          })),
        async remove(name, options) {
          removed.push([name, options?.volumes]);
          await adapter.remove(name, options);
        },
      },
    });
    const now = new Date();
    const gone = { workspace: null, user: null, trust: null, createdAt: now, lastUsedAt: now };
    const of = { name: 'sandbox-gone', runtime: adapter.runtime, instance: deadInstance() };
    await registry.put({ ...gone, ...of, lifecycle: 'long-lived' });
    const half = await setUp().open('a');
    await half.close();
    expect(await watched.cleanup()).toMatchObject({ removed: [half.name], failed: [] });
    expect(removed).toEqual([[half.name, false]]);
    // As long as there is a home, there is a record.
    expect((await registry.list()).map(({ name }) => name)).toEqual([half.name]);
    await Promise.all([sandboxes.close(), watched.close()]);
  });

  it('reports what could not be removed, and finds it again', async () => {
    const { adapter, registry, open, age } = setUp();
    const box = await open('a');
    await box.close();
    await age(box.name, 31);
    let broken = true;
    const sandboxes = createSandboxes({
      ...{ registry, scope: 'test' },
      adapter: {
        ...adapter,
        async remove(name, options) {
          if (broken) throw new SandboxError('UNAVAILABLE', 'not now');
          await adapter.remove(name, options);
        },
      },
    });
    expect(await sandboxes.cleanup()).toMatchObject({
      removed: [],
      failed: [{ name: box.name, error: 'not now' }],
    });
    broken = false;
    expect((await sandboxes.cleanup()).removed).toEqual([box.name]);
    expect(await registry.list()).toEqual([]);
    await sandboxes.close();
  });
});

function settings(cleanup: Partial<CleanupSettings>): SettingsSource {
  const fixed = fixedSettings();
  const { idleDays, protectsFullTrust, trustOf } = fixed.cleanup;
  return { ...fixed, cleanup: withDefaults(cleanup, { idleDays, protectsFullTrust, trustOf }) };
}

/** Getters stay getters. */
function withDefaults(given: Partial<CleanupSettings>, defaults: CleanupSettings): CleanupSettings {
  return Object.create(defaults, Object.getOwnPropertyDescriptors(given));
}

/** Both clocks, which go as the test says. */
function clocks() {
  const hands = { now: Date.now(), elapsedMs: 1_000_000, bootId: 'b1' };
  const clock = () => ({
    now: new Date(hands.now),
    boot: { bootId: hands.bootId, elapsedMs: hands.elapsedMs },
  });
  const pass = (ms: number) => {
    hands.now += ms;
    hands.elapsedMs += ms;
  };
  return { hands, clock, pass };
}

describe('an automatic sweep', () => {
  it('marks first, and removes a day later what is still idle', async () => {
    const { clock, pass } = clocks();
    const { sandboxes, open, registry } = setUp('test', { clock });
    const [idle, used, held] = await Promise.all([open('a'), open('b'), open('c')]);
    for (const box of [idle, used]) await box.close();
    const sweep = () => sandboxes.cleanup({ mode: 'automatic' });
    pass(31 * DAY_MS + 1);
    expect(await sandboxes.cleanup({ mode: 'automatic', dryRun: true })).toMatchObject({ removed: [] });
    expect(await registry.get(idle.name)).not.toHaveProperty('mark');
    const both = [idle.name, used.name].sort();
    const first = await sweep();
    expect({ ...first, marked: [...first.marked].sort() }).toMatchObject({ removed: [], marked: both });
    pass(DAY_MS - 1000);
    expect(await sweep()).toMatchObject({ removed: [], marked: [] });
    await (await open('b')).close();
    pass(1000);
    expect(await sweep()).toMatchObject({
      removed: [idle.name],
      reasons: { [idle.name]: 'idle for 32 days' },
      marked: [],
    });
    pass(DAY_MS);
    expect(await sweep()).toMatchObject({ removed: [], marked: [], failed: [] });
    expect((await held.exec(['echo', 'still here'])).stdout).toBe('still here\n');
    for (const box of await sandboxes.list()) await (await sandboxes.get(box.name)).remove();
    await sandboxes.close();
  });

  it.each([
    ['forward by a year', 365],
    ['back by a year', -365],
  ])('removes nothing because the clock was set %s', async (_, days) => {
    const { clock, hands, pass } = clocks();
    const { sandboxes, open } = setUp('test', { clock });
    const box = await open('a');
    await box.close();
    hands.now += days * DAY_MS;
    for (const mode of ['automatic', 'automatic', 'manual'] as const) {
      pass(DAY_MS);
      expect(await sandboxes.cleanup({ mode })).toMatchObject({ removed: [], marked: [] });
    }
    hands.now -= days * DAY_MS;
    expect(await sandboxes.cleanup()).toMatchObject({ removed: [], marked: [] });
    pass(31 * DAY_MS);
    expect((await sandboxes.cleanup()).removed).toEqual([box.name]);
    await sandboxes.close();
  });

  it('takes no home for one that never ran because the clock was set back when it was new', async () => {
    const { clock, hands, pass } = clocks();
    const { adapter, sandboxes, registry, open } = setUp('test', { clock });
    const box = await open('a');
    hands.now -= DAY_MS;
    await box.exec(['sh', '-c', 'echo kept > "$HOME/file"'], { check: true });
    await box.close();
    // As by `docker container prune`.
    await adapter.remove(box.name);
    pass(2 * DAY_MS);
    expect(await sandboxes.cleanup({ mode: 'automatic' })).toMatchObject({ removed: [], failed: [] });
    expect(await registry.list()).toHaveLength(1);
    const again = await open('a');
    expect((await again.exec(['cat', 'file'])).stdout).toBe('kept\n');
    await again.remove();
    await sandboxes.close();
  });

  it('does not count what a wrong clock showed before a restart', async () => {
    const { clock, hands, pass } = clocks();
    const { sandboxes, open } = setUp('test', { clock });
    const box = await open('a');
    await box.close();
    // The machine comes up without its battery: a year ahead until it asks the network.
    Object.assign(hands, { now: hands.now + 365 * DAY_MS, bootId: 'b2', elapsedMs: 10_000 });
    expect(await sandboxes.cleanup({ mode: 'automatic' })).toMatchObject({ removed: [], marked: [box.name] });
    hands.now -= 365 * DAY_MS;
    pass(2 * DAY_MS);
    expect(await sandboxes.cleanup({ mode: 'automatic' })).toMatchObject({ removed: [], marked: [] });
    await (await sandboxes.get(box.name)).remove();
    await sandboxes.close();
  });
});

describe('whose sandboxes go', () => {
  it.each([
    ['recorded', undefined, ['inner', 'familiar']],
    ['the configuration’s, higher', 'full', []],
    ['the configuration’s, lower', 'inner', ['owner', 'full', 'inner', 'familiar']],
    ['the configuration’s, lowest', 'public', ['owner', 'full', 'inner', 'familiar']],
  ] as const)('trust is %s', async (_, configured, removed) => {
    const trustOf = (user: string): Trust | undefined => (user === 'ann' ? configured : undefined);
    const { sandboxes, open, age } = setUp('test', { settings: settings({ trustOf }) });
    const names = new Map<string, Trust>();
    // Public may not have long-lived ones.
    const levels = TRUST_LEVELS.filter((trust) => trust !== 'public');
    for (const trust of levels) {
      const box = await open(trust, trust, 'ann');
      await box.close();
      names.set(box.name, trust);
      await age(box.name, 31);
    }
    const list = await sandboxes.list();
    const kept = list.filter((details) => details.protected).map(({ name }) => names.get(name));
    const report = await sandboxes.cleanup();
    const gone = report.removed.map((name) => names.get(name) ?? '');
    expect(gone.sort()).toEqual([...removed].sort());
    expect([...gone, ...kept].sort()).toEqual(levels.toSorted());
    await sandboxes.cleanup({ includeProtected: true });
    expect(await sandboxes.list()).toEqual([]);
    await sandboxes.close();
  });

  it('settings are read anew for each sweep, and what is asked for goes before', async () => {
    let idleDays: number | null = null;
    let isProtected = true;
    const source = settings({
      get idleDays() {
        return idleDays;
      },
      protectsFullTrust: () => isProtected,
    });
    const { sandboxes, open, age } = setUp('test', { settings: source });
    const box = await open('a', 'owner');
    await box.close();
    await age(box.name, 8);
    const wouldGo = async (options = {}) => (await sandboxes.cleanup({ ...options, dryRun: true })).removed;
    expect(await wouldGo({ includeProtected: true })).toEqual([]);
    expect(await wouldGo({ includeProtected: true, idleDays: 7 })).toEqual([box.name]);
    idleDays = 7;
    expect(await wouldGo()).toEqual([]);
    isProtected = false;
    expect(await wouldGo({ idleDays: 9 })).toEqual([]);
    expect((await sandboxes.cleanup()).removed).toEqual([box.name]);
    await sandboxes.close();
  });

  it('only one user’s, where that is asked for', async () => {
    const { sandboxes, open, age } = setUp();
    const boxes = [await open('a', 'familiar', 'ann'), await open('b', 'familiar', 'bob'), await open('c')];
    for (const box of boxes) {
      await box.close();
      await age(box.name, 31);
    }
    const report = await sandboxes.cleanup({ user: 'bob' });
    expect(report).toMatchObject({ removed: [boxes[1]?.name], kept: [], failed: [] });
    expect((await sandboxes.cleanup()).removed).toHaveLength(2);
    await sandboxes.close();
  });
});

describe('a registry that was lost', () => {
  it('is filled again by labels: what is found counts as used now, and is cleaned up in the end', async () => {
    const { clock, pass } = clocks();
    const first = setUp('test', { clock });
    const box = await first.open('a', 'familiar', 'ann');
    await first.sandboxes.close();
    pass(100 * DAY_MS);
    const { sandboxes, registry } = setUp('test', { clock });
    expect(await sandboxes.cleanup({ dryRun: true })).toMatchObject({ removed: [], adopted: [box.name] });
    expect(await registry.list()).toEqual([]);
    expect(await sandboxes.cleanup()).toMatchObject({ removed: [], adopted: [box.name] });
    expect(await registry.get(box.name)).toMatchObject({ user: 'ann', lastUsedAt: clock().now });
    expect(await sandboxes.cleanup()).toMatchObject({ removed: [], adopted: [] });
    pass(31 * DAY_MS);
    expect((await sandboxes.cleanup()).removed).toEqual([box.name]);
    await sandboxes.close();
  });

  it('or written by one who came too late says again what the labels say', async () => {
    const { sandboxes, registry, open } = setUp();
    const box = await open('a', 'full', 'ann');
    const record = (await registry.get(box.name)) as SandboxRecord;
    await registry.put({ ...record, user: 'bob', trust: 'public', instance: deadInstance() });
    await sandboxes.cleanup();
    expect(await registry.get(box.name)).toEqual(record);
    await registry.put({ ...record, user: 'bob', trust: 'public', instance: deadInstance() });
    await (await open('a', 'full', 'ann')).close();
    expect(await registry.get(box.name)).toMatchObject({ user: 'ann', trust: 'full' });
    await box.remove();
    await sandboxes.close();
  });
});

it.each([
  ['of one that was never made', (record: SandboxRecord) => record.createdAt, 0, []],
  ['of one that was never made again', () => new Date(0), 0, ['kept']],
  [
    'of one that was used, and removed by somebody else',
    (record: SandboxRecord) => record.createdAt,
    1,
    ['kept'],
  ],
])('a home goes or stays: that %s', async (_, madeAt, usedMs, left) => {
  const { adapter, registry, sandboxes } = setUp();
  const at = new Date(Date.now() - 1000);
  const record: SandboxRecord = {
    ...{ name: 'sandbox-never', runtime: adapter.runtime, lifecycle: 'long-lived', workspace: '/w' },
    ...{ user: null, trust: null, instance: deadInstance(), createdAt: at },
    lastUsedAt: new Date(at.getTime() + usedMs),
  };
  await registry.put(record);
  const { name, lifecycle, instance } = record;
  const labels = labelsFor({ name, lifecycle, instance, createdAt: madeAt(record), scope: 'test' });
  await adapter.volumes?.ensure('kept', labels);
  await sandboxes.cleanup({ mode: 'automatic' });
  // As long as there is a home, there is a record of when it was used.
  expect((await registry.list()).map(() => 'kept')).toEqual(left);
  expect((await adapter.volumes?.list({}))?.map((volume) => volume.name)).toEqual(left);
  await sandboxes.close();
});

it('whatever is about to be made is recorded before', async () => {
  const { adapter, registry } = setUp();
  const seen: unknown[] = [];
  const create: typeof adapter.create = async (spec, call) => {
    seen.push(await registry.get(spec.name));
    return adapter.create(spec, call);
  };
  const { sandboxes, open } = setUp('test', { registry, adapter: { ...adapter, create } });
  const boxes = [await open('a'), await sandboxes.create()];
  const instance = formatInstance(readInstance());
  expect(seen).toMatchObject(boxes.map(({ name, lifecycle }) => ({ name, lifecycle, instance })));
  for (const box of boxes) await box.remove();
  await sandboxes.close();
});

it('what is gone is forgotten, and not what another program has recorded in its place meanwhile', async () => {
  const { adapter, registry, open } = setUp();
  const box = await open('a');
  await box.remove();
  const at = new Date();
  const record: SandboxRecord = {
    ...{ name: box.name, runtime: adapter.runtime, lifecycle: 'long-lived', workspace: '/w' },
    ...{ user: null, trust: null, instance: deadInstance(), createdAt: at, lastUsedAt: at },
  };
  await registry.put(record);
  const living = { ...record, instance: formatInstance(readInstance()) };
  const remove: typeof registry.remove = async (...call) => {
    await registry.put(living);
    await registry.remove(...call);
  };
  const sandboxes = createSandboxes({ adapter, registry: { ...registry, remove }, scope: 'test' });
  await sandboxes.cleanup();
  expect(await registry.get(box.name)).toEqual(living);
  await sandboxes.close();
});

it('what is removed takes no record with it that another program has put in its place', async () => {
  const plain = createPlainAdapter({ directory: base });
  const adapter: RuntimeAdapter = {
    ...plain,
    async remove(...call) {
      await plain.remove(...call);
      await registry.put(others);
    },
  };
  const { registry, sandboxes, open } = setUp('test', { adapter });
  const box = await open('a');
  const others = { ...((await registry.get(box.name)) as SandboxRecord), instance: deadInstance() };
  await box.remove();
  expect(await registry.list()).toMatchObject([{ name: box.name, instance: others.instance }]);
  await sandboxes.close();
});

it('two of one workspace at two runtimes go in the end, and the later use of the two counts for both', async () => {
  const registry = createMemoryRegistry();
  const elsewhere = () => createPlainAdapter({ runtime: 'elsewhere', directory: join(base, 'elsewhere') });
  for (const adapter of [createPlainAdapter({ directory: base }), elsewhere()]) {
    const { sandboxes, open } = setUp('test', { adapter, registry });
    const box = await open('a');
    await sandboxes.close();
    await registry.remove(box.name);
  }
  const sweep = async (days: number) => {
    const adapters = [createPlainAdapter({ directory: base }), elsewhere()];
    const at = { now: new Date(Date.now() + days * DAY_MS), boot: { bootId: `day ${days}`, elapsedMs: 1 } };
    await using sandboxes = createSandboxes({ adapters, registry, scope: 'test', clock: () => at });
    const { removed, failed } = await sandboxes.cleanup({ mode: 'automatic' });
    expect(failed).toEqual([]);
    return removed.length;
  };
  expect(await sweep(0)).toBe(0);
  const [record] = await registry.list();
  expect(await sweep(15)).toBe(0);
  expect(await registry.list()).toMatchObject([{ runtime: record?.runtime, lastUsedAt: record?.lastUsedAt }]);
  expect([await sweep(31), await sweep(33)]).toEqual([0, 2]);
  expect(await registry.list()).toEqual([]);
});

it('one whose removal was not finished goes, with its home', async () => {
  const { adapter, registry, open } = setUp();
  const box = await open('a', 'owner');
  await box.close();
  const killed = createSandboxes({
    ...{ registry, scope: 'test' },
    adapter: {
      ...adapter,
      async remove(name) {
        // As if killed between the sandbox and its home.
        await adapter.remove(name);
        throw new SandboxError('UNKNOWN', 'killed');
      },
    },
  });
  await expect((await killed.get(box.name)).remove()).rejects.toThrow('killed');
  expect(await adapter.volumes?.list({})).toHaveLength(1);
  const sandboxes = createSandboxes({ adapter, registry, scope: 'test' });
  expect((await sandboxes.cleanup({ mode: 'automatic' })).removed).toEqual([box.name]);
  expect(await adapter.volumes?.list({})).toEqual([]);
  expect(await registry.list()).toEqual([]);
  await sandboxes.close();
});

it('one whose use another registry records is not marked, however long this one has not seen it used', async () => {
  const { clock, pass } = clocks();
  const registry = (id?: string) => Object.assign(createMemoryRegistry(), { id });
  const [ann, bob] = [registry('ann'), registry('bob')];
  const mine = setUp('test', { clock, registry: ann });
  const box = await mine.open('a');
  await mine.sandboxes.close();
  const others = createSandboxes({ adapter: mine.adapter, registry: bob, clock, scope: 'test' });
  const sweep = (sandboxes: Sandboxes) => sandboxes.cleanup({ mode: 'automatic' });
  expect((await sweep(others)).adopted).toEqual([box.name]);
  pass(31 * DAY_MS);
  expect(await sweep(others)).toMatchObject({
    marked: [],
    kept: [{ name: box.name, reason: expect.stringContaining('recorded elsewhere') }],
  });
  const again = createSandboxes({ adapter: mine.adapter, registry: ann, clock, scope: 'test' });
  expect((await sweep(again)).marked).toEqual([box.name]);
  expect((await others.cleanup()).removed).toEqual([box.name]);
  await Promise.all([others.close(), again.close()]);
});

describe('one that is idle when cleanup begins stays where', () => {
  /** Does something between the choice and the last look, as another program may. */
  async function whileChosen(act: (setting: ReturnType<typeof setUp>, name: string) => Promise<unknown>) {
    const setting = setUp();
    const { registry, open, age, adapter } = setting;
    const box = await open('a');
    await box.close();
    await age(box.name, 31);
    let chosen = true;
    const sandboxes = createSandboxes({
      ...{ registry, scope: 'test' },
      adapter: {
        ...adapter,
        async inspect(name, options) {
          const first = chosen;
          chosen = false;
          if (first) await act({ ...setting, sandboxes }, name);
          return adapter.inspect(name, options);
        },
      },
    });
    const { removed, kept } = await sandboxes.cleanup();
    expect(removed).toEqual([]);
    await (await sandboxes.get(box.name)).remove();
    await Promise.all([sandboxes.close(), setting.sandboxes.close()]);
    return kept.map(({ reason }) => reason);
  }

  it('another program opens it meanwhile', async () => {
    const use = ({ registry }: ReturnType<typeof setUp>, name: string) => registry.touch(name, new Date());
    expect(await whileChosen(use)).toEqual(['used just now']);
  });

  it('another program opens it meanwhile, and the clock was set back', async () => {
    const boot = { bootId: 'b', elapsedMs: 1 };
    const use = ({ registry }: ReturnType<typeof setUp>, name: string) =>
      registry.touch(name, new Date(0), boot);
    expect(await whileChosen(use)).toEqual(['used just now']);
  });

  it('a program with a registry of its own opens it meanwhile', async () => {
    const other = setUp();
    expect(await whileChosen(() => other.open('a'))).toEqual(['in use']);
    await other.sandboxes.close();
  });

  it('this program takes a handle of it meanwhile', async () => {
    expect(await whileChosen(({ sandboxes }, name) => sandboxes.get(name))).toEqual(['in use']);
  });
});

it('10,000 records are read at once, and no process is looked up for them', async () => {
  const { adapter, registry } = setUp();
  const calls: string[] = [];
  const counted = new Proxy(registry, {
    get: (target, verb) => {
      calls.push(String(verb));
      return target[verb as keyof typeof target];
    },
  });
  const at = new Date();
  for (let index = 0; index < 10_000; index += 1) {
    await registry.put({
      ...{ name: `sandbox-${index}`, runtime: adapter.runtime, lifecycle: 'long-lived', instance: '' },
      ...{ workspace: '/w', user: null, trust: null, createdAt: at, lastUsedAt: at },
    });
  }
  const sandboxes = createSandboxes({ adapter, registry: counted, scope: 'test' });
  expect(await sandboxes.list()).toEqual([]);
  expect((await sandboxes.cleanup()).kept).toHaveLength(10_000);
  expect(calls).toEqual(['list', 'list']);
  await sandboxes.close();
});

describe('the first use of a runtime', () => {
  /** As a program leaves it that is killed between create and start. */
  async function orphan() {
    const { adapter, sandboxes } = setUp();
    const box = await sandboxes.create({ start: false });
    const list: typeof adapter.list = async (labels, options) =>
      (await adapter.list(labels, options)).map((info) =>
        info.name === box.name
          ? { ...info, labels: { ...info.labels, [LABEL.instance]: deadInstance() } }
          : info,
      );
    return { name: box.name, adapter: { ...adapter, list } };
  }

  it.each(['run', 'create', 'open'] as const)('%s removes what dead programs left', async (verb) => {
    const { adapter } = await orphan();
    const sandboxes = createSandboxes({ adapter, scope: 'test' });
    const workspace = join(base, 'work');
    mkdirSync(workspace);
    if (verb === 'run') await sandboxes.run(['true']);
    else if (verb === 'create') await (await sandboxes.create()).remove();
    else await (await sandboxes.open({ workspace, policy: { workspaceAccess: 'none' } })).remove();
    await sandboxes.close();
    expect(await adapter.list()).toEqual([]);
  });

  it('marks the idle, and removes what was marked a day ago', async () => {
    const { clock, pass } = clocks();
    const { adapter, registry, open, sandboxes: before } = setUp('test', { clock });
    const box = await open('a');
    await before.close();
    const use = async () => {
      const sandboxes = createSandboxes({ adapter, registry, clock, scope: 'test' });
      await sandboxes.run(['true']);
      await sandboxes.close();
      return (await adapter.list()).map(({ name }) => name);
    };
    pass(31 * DAY_MS);
    expect(await use()).toEqual([box.name]);
    expect(await registry.get(box.name)).toMatchObject({ mark: { at: clock().now } });
    pass(DAY_MS);
    expect(await use()).toEqual([]);
  });

  it('sweeps what belongs to no sandbox any more', async () => {
    const { adapter } = setUp();
    const swept: unknown[] = [];
    const sweep = async (labels: unknown) => {
      swept.push(labels);
      throw new Error('not now');
    };
    const sandboxes = createSandboxes({ adapter: { ...adapter, sweep }, scope: 'test' });
    await sandboxes.run(['true']);
    await sandboxes.cleanup({ dryRun: true });
    await sandboxes.cleanup();
    await sandboxes.close();
    expect(swept).toEqual([{ [LABEL.scope]: 'test' }, { [LABEL.scope]: 'test' }]);
  });

  it('looks once, waits for nothing, and does not mind a runtime that cannot list', async () => {
    const { adapter } = setUp();
    let calls = 0;
    const list = async (_labels: unknown, options?: { signal?: AbortSignal | undefined }) => {
      calls += 1;
      return new Promise<never>((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
      });
    };
    const sandboxes = createSandboxes({ adapter: { ...adapter, list }, scope: 'test' });
    await sandboxes.run(['true']);
    await sandboxes.run(['true']);
    expect(calls).toBe(1);
    await sandboxes.close();
  });
});
