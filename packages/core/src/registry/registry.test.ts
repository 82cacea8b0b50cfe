import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TRUST_LEVELS } from '../policy/policy.ts';
import { createMemoryRegistry } from './memory-registry.ts';
import type { CleanupMark, Registry, SandboxRecord } from './registry.ts';
import { createSqliteRegistry } from './sqlite-registry.ts';

const now = new Date('2026-03-01T00:00:00Z');
const record: SandboxRecord = {
  name: 'sandbox-web-1',
  runtime: 'docker',
  lifecycle: 'long-lived',
  workspace: '/home/ann/web',
  user: 'ann',
  trust: 'full',
  instance: 'v1:m:b:1:2:3',
  createdAt: new Date(now.getTime() - 60_000),
  lastUsedAt: now,
};
const { name } = record;
const later = new Date(now.getTime() + 1000);
const earlier = new Date(now.getTime() - 1000);
const boot = (elapsedMs: number, bootId = 'b1') => ({ bootId, elapsedMs });
const mark: CleanupMark = { at: now, boot: boot(1) };

let directory: string;
let files = 0;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'registry-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const implementations: readonly [string, () => Registry][] = [
  ['in memory', () => createMemoryRegistry()],
  [
    'in SQLite',
    () => {
      files += 1;
      const unexpected = (message: string) => expect.unreachable(message);
      return createSqliteRegistry({ file: join(directory, `${files}.sqlite`), onWarning: unexpected });
    },
  ],
];

describe.each(implementations)('a registry %s', (_, create) => {
  test('keeps, lists and forgets records', async () => {
    const registry = create();
    expect(await registry.list()).toEqual([]);
    expect(await registry.get(name)).toBeUndefined();
    await registry.put(record);
    await registry.put({ ...record, name: 'sandbox-web-2', lastUsedBoot: boot(5), mark });
    expect(await registry.get(name)).toEqual(record);
    expect((await registry.list()).toSorted((one, other) => (one.name < other.name ? -1 : 1))).toEqual([
      record,
      { ...record, name: 'sandbox-web-2', lastUsedBoot: boot(5), mark },
    ]);
    await registry.remove(name);
    await registry.remove(name);
    expect(await registry.get(name)).toBeUndefined();
    expect(await registry.list()).toHaveLength(1);
    await registry.close();
  });

  test('takes everything else from a new record, but never an earlier use', async () => {
    const registry = create();
    await registry.put({ ...record, lastUsedAt: later, mark });
    const other: SandboxRecord = {
      ...{ ...record, runtime: 'podman', lifecycle: 'ephemeral', workspace: null, user: null, trust: null },
      instance: 'v1:m:b:1:2:4',
      createdAt: later,
      lastUsedAt: earlier,
    };
    await registry.put(other);
    expect(await registry.get(name)).toEqual({ ...other, lastUsedAt: later });
    await registry.close();
  });

  test('use takes the mark of cleanup away, and the time of last use only grows', async () => {
    const registry = create();
    await registry.put({ ...record, mark });
    await registry.touch(name, later);
    expect(await registry.get(name)).toEqual({ ...record, lastUsedAt: later });
    await registry.mark(name, mark);
    expect(await registry.get(name)).toEqual({ ...record, lastUsedAt: later, mark });
    await registry.touch(name, earlier);
    expect(await registry.get(name)).toEqual({ ...record, lastUsedAt: later });
    await registry.close();
  });

  test('what the boot clock says of a use is kept where the wall clock was set back', async () => {
    const registry = create();
    const seen = async () => {
      const { lastUsedAt, lastUsedBoot } = (await registry.get(name)) ?? {};
      return [lastUsedAt, lastUsedBoot];
    };
    await registry.put(record);
    await registry.touch(name, earlier, boot(10));
    expect(await seen()).toEqual([now, boot(10)]);
    await registry.touch(name, later, boot(5));
    expect(await seen()).toEqual([later, boot(10)]);
    await registry.touch(name, later);
    expect(await seen()).toEqual([later, boot(10)]);
    await registry.touch(name, earlier, boot(5, 'b2'));
    expect(await seen()).toEqual([later, boot(5, 'b2')]);
    await registry.put({ ...record, lastUsedBoot: boot(4, 'b2') });
    expect(await seen()).toEqual([later, boot(5, 'b2')]);
    await registry.close();
  });

  test('what is used was made before, also where the wall clock was set back since', async () => {
    const registry = create();
    const unused = { ...record, createdAt: now };
    await registry.put(unused);
    await registry.touch(name, earlier);
    expect(await registry.get(name)).toEqual({ ...unused, lastUsedAt: new Date(now.getTime() + 1) });
    await registry.close();
  });

  test('what is condemned stays so until it is used or made again', async () => {
    const registry = create();
    await registry.put(record);
    await registry.condemn(name);
    await registry.mark(name, mark);
    expect(await registry.get(name)).toEqual({ ...record, mark, condemned: true });
    await registry.touch(name, earlier);
    expect(await registry.get(name)).toEqual(record);
    await registry.condemn(name);
    await registry.put(record);
    expect(await registry.get(name)).toEqual(record);
    await registry.close();
  });

  test('makes nothing of what it does not know', async () => {
    const registry = create();
    await registry.touch(name, later);
    await registry.mark(name, mark);
    await registry.condemn(name);
    expect(await registry.list()).toEqual([]);
    await registry.close();
  });

  test('forgets for one program only what that program has recorded', async () => {
    const registry = create();
    await registry.put(record);
    await registry.remove(name, 'v1:m:b:1:2:4');
    expect(await registry.get(name)).toEqual(record);
    await registry.remove(name, record.instance);
    expect(await registry.get(name)).toBeUndefined();
    await registry.close();
  });

  test('can be used again after close', async () => {
    const registry = create();
    await registry.put(record);
    await registry.close();
    expect(await registry.get(name)).toEqual(record);
    await registry.close();
  });
});

const text = fc.option(fc.string({ unit: 'grapheme' }), { nil: null });
const moment = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(8e15) });
const reading = fc.record({ bootId: fc.string(), elapsedMs: fc.nat() });
const records: fc.Arbitrary<SandboxRecord> = fc.record(
  {
    name: fc.constantFrom('a', 'b', 'c'),
    runtime: fc.string({ minLength: 1 }),
    lifecycle: fc.constantFrom('ephemeral', 'long-lived'),
    workspace: text,
    user: text,
    trust: fc.constantFrom(...TRUST_LEVELS, null),
    instance: fc.constantFrom('one', 'other'),
    createdAt: moment,
    lastUsedAt: moment,
    lastUsedBoot: reading,
    mark: fc.record({ at: moment, boot: reading }),
    condemned: fc.constant(true as const),
  },
  {
    requiredKeys: [
      ...(['name', 'runtime', 'lifecycle', 'workspace', 'user', 'trust'] as const),
      ...(['instance', 'createdAt', 'lastUsedAt'] as const),
    ],
  },
);

test('both do the same, whatever is done with them', async () => {
  const names = fc.constantFrom('a', 'b', 'c');
  const step = fc.oneof(
    fc.tuple(fc.constant('put' as const), records),
    fc.tuple(fc.constant('touch' as const), names, moment, fc.option(reading, { nil: undefined })),
    fc.tuple(fc.constant('mark' as const), names, fc.record({ at: moment, boot: reading })),
    fc.tuple(fc.constant('condemn' as const), names),
    fc.tuple(fc.constant('remove' as const), names, fc.constantFrom('one', 'other', undefined)),
  );
  const sqlite = createSqliteRegistry({ file: join(directory, 'both.sqlite') });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const memory = createMemoryRegistry();
      for (const { name: left } of await sqlite.list()) await sqlite.remove(left);
      for (const registry of [memory, sqlite]) for (const given of steps) await apply(registry, given);
      const sorted = async (registry: Registry) =>
        (await registry.list()).toSorted((one, other) => (one.name < other.name ? -1 : 1));
      expect(await sorted(sqlite)).toEqual(await sorted(memory));
    }),
  );
  await sqlite.close();
});

type Step = {
  [Verb in 'put' | 'touch' | 'mark' | 'condemn' | 'remove']: [Verb, ...Parameters<Registry[Verb]>];
};
function apply(registry: Registry, [verb, ...rest]: Step[keyof Step] | readonly unknown[]): Promise<void> {
  return (registry[verb as keyof Step] as (...given: unknown[]) => Promise<void>)(...rest);
}
