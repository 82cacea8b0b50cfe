import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { FIRST_BASE, hostId, type IdPlan, IdRanges, idMap, planIds } from './ids.ts';

const id = fc.oneof(fc.integer({ min: 0, max: 70_000 }), fc.integer({ min: 0, max: 2 ** 31 - 2 }));
const ids = fc.record({ uid: id, gid: id });
const owner = fc.record({ uid: id, gid: id, readOnly: fc.boolean() });

test('no two guest ids are one host id, and no host id is taken twice', () => {
  fc.assert(
    fc.property(ids, fc.array(owner, { maxLength: 3 }), id, (user, owners, other) => {
      const plan = planIds(FIRST_BASE, user, owners);
      for (const kind of ['uid', 'gid'] as const) {
        const map = idMap(plan, kind, other);
        const spans = (key: 'inside' | 'outside') =>
          map.map((entry) => [entry[key], entry[key] + entry.count] as const).toSorted(([a], [b]) => a - b);
        expect(map[0]?.inside).toBe(other);
        for (const key of ['inside', 'outside'] as const) {
          const sorted = spans(key);
          for (const [index, [start]] of sorted.entries()) {
            if (index > 0) expect(start).toBeGreaterThanOrEqual(sorted[index - 1]?.[1] ?? 0);
          }
        }
      }
    }),
  );
});

test('the host’s root is somebody only where guest and writable directory both are root’s', () => {
  fc.assert(
    fc.property(ids, fc.array(owner, { maxLength: 3 }), (user, owners) => {
      const plan = planIds(FIRST_BASE, user, owners);
      const asked = user.uid === 0 && owners.some(({ uid, readOnly }) => uid === 0 && !readOnly);
      expect(hostId(plan, 'uid', user.uid) === 0).toBe(asked);
      if (!asked) expect(hostId(plan, 'gid', user.gid)).not.toBe(0);
    }),
  );
});

test.each([
  [
    'the workspace’s owner',
    { uid: 1000, gid: 1000 },
    [{ uid: 1000, gid: 1000, readOnly: false }],
    1000,
    1000,
  ],
  ['its owner, reading', { uid: 1000, gid: 1000 }, [{ uid: 1000, gid: 50, readOnly: true }], 1000, 1000],
  [
    'another',
    { uid: 1000, gid: 1000 },
    [{ uid: 1001, gid: 1001, readOnly: false }],
    FIRST_BASE + 1000,
    FIRST_BASE + 1000,
  ],
  ['nobody’s', { uid: 1000, gid: 1000 }, [], FIRST_BASE + 1000, FIRST_BASE + 1000],
  [
    'a group of the host’s',
    { uid: 1000, gid: 999 },
    [{ uid: 1000, gid: 1000, readOnly: false }],
    1000,
    FIRST_BASE + 999,
  ],
  ['root reading', { uid: 0, gid: 0 }, [{ uid: 0, gid: 0, readOnly: true }], FIRST_BASE, FIRST_BASE],
  ['an id beyond the range', { uid: 200_000, gid: 200_000 }, [], FIRST_BASE + 65_535, FIRST_BASE + 65_535],
])('%s', (_, user, owners, uid, gid) => {
  const plan = planIds(FIRST_BASE, user, owners);
  expect([hostId(plan, 'uid', user.uid), hostId(plan, 'gid', user.gid)]).toEqual([uid, gid]);
});

test('the map has the whole range, the user first', () => {
  const plan = planIds(FIRST_BASE, { uid: 1000, gid: 1000 }, [{ uid: 1000, gid: 1000, readOnly: false }]);
  expect(idMap(plan, 'uid', 0)).toEqual([
    { inside: 0, outside: FIRST_BASE, count: 1 },
    { inside: 1000, outside: 1000, count: 1 },
    { inside: 1, outside: FIRST_BASE + 1, count: 999 },
    { inside: 1001, outside: FIRST_BASE + 1001, count: 64_534 },
  ]);
});

test('an ordinary user has one id, whoever the guest is', () => {
  const plan: IdPlan = { type: 'caller', host: { uid: 1007, gid: 100 } };
  expect(idMap(plan, 'uid', 0)).toEqual([{ inside: 0, outside: 1007, count: 1 }]);
  expect(idMap(plan, 'gid', 5)).toEqual([{ inside: 5, outside: 100, count: 1 }]);
});

let directory: string | undefined;
afterEach(() => directory && rmSync(directory, { recursive: true, force: true }));

test('ranges are apart, shared by name, and free again after the last', () => {
  directory = mkdtempSync(join(tmpdir(), 'sandbox-ids-'));
  const [one, two] = [new IdRanges(join(directory, 'ids')), new IdRanges(join(directory, 'ids'))];
  const taken = new Set(
    Array.from({ length: 50 }, (_, index) => (index % 2 ? one : two).take(`box-${index}`, '/')),
  );
  expect(taken.size).toBe(50);
  const base = one.take('a', '/');
  two.share(base, 'b', '/');
  one.release(base, 'a');
  expect(() => two.share(base, 'c', '/')).not.toThrow();
  two.release(base, 'b');
  two.release(base, 'c');
  two.release(base, 'c');
  expect(() => two.share(base, 'd', '/')).toThrow();
});
