import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BootClock } from '../naming/boot-clock.ts';
import { formatInstance } from '../naming/instance.ts';
import { TRUST_LEVELS } from '../policy/policy.ts';
import type { SandboxRecord } from '../registry/registry.ts';
import { type CleanupCandidate, type CleanupPolicy, selectForCleanup } from './select-for-cleanup.ts';

const DAY = 86_400_000;
const now = new Date('2026-06-01T00:00:00Z');
const ago = (ms: number) => new Date(now.getTime() - ms);
const boot: BootClock = { bootId: 'b1', elapsedMs: 100 * DAY };
const instance = formatInstance({ machineId: 'm', bootId: 'b1', pidNamespace: '1', pid: 5, startTime: '7' });
const policy: CleanupPolicy = { idleDays: 30, protectFullTrust: true, mode: 'manual' };

function candidate(
  changes: Partial<SandboxRecord> = {},
  rest: Partial<CleanupCandidate> = {},
): CleanupCandidate {
  const record: SandboxRecord = {
    name: 'box',
    runtime: 'docker',
    lifecycle: 'long-lived',
    workspace: '/w',
    user: 'ann',
    trust: 'familiar',
    instance,
    createdAt: ago(100 * DAY),
    lastUsedAt: ago(31 * DAY),
    ...changes,
  };
  return { record, owner: 'dead', state: 'stopped', ...rest };
}

function verdict(given: CleanupCandidate, with_: Partial<CleanupPolicy> = {}, clock = { now, boot }) {
  const { remove, mark, keep, forget } = selectForCleanup([given], { ...policy, ...with_ }, clock);
  expect(remove.length + keep.length + forget.length).toBe(1);
  if (forget.length > 0) return 'forget';
  if (mark.length > 0) expect(keep).toHaveLength(1);
  return mark.length > 0 ? 'mark' : remove.length > 0 ? 'remove' : 'keep';
}

test.each([
  ['its program has ended', 'dead', {}, 'remove'],
  ['its program runs', 'alive', {}, 'keep'],
  ['whether its program runs cannot be told', 'unknown', {}, 'keep'],
  ['another program has it open', 'dead', { sessions: 1 }, 'keep'],
  ['it outlives its program', 'dead', { endsWithOwner: false }, 'keep'],
] as const)('a task in use today, where %s', (_, owner, rest, expected) => {
  const task = { owner, sessions: 0, endsWithOwner: true, state: 'running', ...rest } as const;
  const used = { lastUsedAt: ago(DAY / 2), trust: 'owner' } as const;
  expect(verdict(candidate(used, task))).toBe(expected);
  expect(verdict(candidate(used, task), { mode: 'automatic', idleDays: null })).toBe(expected);
});

test.each([
  [DAY / 2, true],
  [2 * DAY, undefined],
])('a task of a dead program that was used %d ms ago must be seen to be open nowhere: %s', (ms, expected) => {
  const task = candidate(
    { lastUsedAt: ago(ms) },
    { owner: 'dead', endsWithOwner: true, state: 'running', sessions: undefined },
  );
  const { remove } = selectForCleanup([task], policy, { now, boot });
  expect(remove).toMatchObject([{ reason: 'its program has ended' }]);
  expect(remove[0]?.orphaned).toBe(expected);
});

test.each(TRUST_LEVELS)('protected or not: trust %s', (trust) => {
  const idle = candidate({ trust });
  const expected = {
    owner: 'keep',
    full: 'keep',
    inner: 'remove',
    familiar: 'remove',
    public: 'remove',
  } as const;
  expect(verdict(idle)).toBe(expected[trust]);
  expect(verdict(idle, { protectFullTrust: false })).toBe('remove');
  expect(verdict(candidate({ trust }, { protectsFullTrust: false }))).toBe('remove');
  expect(verdict(candidate({ trust }, { protectsFullTrust: true }), { protectFullTrust: false })).toBe(
    'remove',
  );
  expect(verdict(candidate({ trust, lastUsedAt: ago(DAY) }))).toBe('keep');
});

test('nobody’s sandbox is not protected', () => {
  expect(verdict(candidate({ trust: null }))).toBe('remove');
});

test.each([
  [30 * DAY, 'keep'],
  [30 * DAY + 1, 'remove'],
  [0, 'keep'],
  [-365 * DAY, 'keep'],
] as const)('used %d ms ago', (ms, expected) => {
  expect(verdict(candidate({ lastUsedAt: ago(ms) }))).toBe(expected);
});

test.each([
  [7, 8, 'remove'],
  [7, 7, 'keep'],
  [90, 31, 'keep'],
  [null, 10_000, 'keep'],
] as const)('with %j idle days, idle for %d', (idleDays, days, expected) => {
  expect(verdict(candidate({ lastUsedAt: ago(days * DAY) }), { idleDays })).toBe(expected);
});

test('an open session keeps everything', () => {
  expect(verdict(candidate({}, { sessions: 1 }))).toBe('keep');
  expect(verdict(candidate({ lifecycle: 'ephemeral' }, { sessions: 2, owner: 'dead' }))).toBe('keep');
  expect(verdict(candidate({}, { sessions: 0 }))).toBe('remove');
});

test.each([
  ['dead', 0, instance, 'remove'],
  ['alive', 100 * DAY, instance, 'keep'],
  ['unknown', 100 * DAY, instance, 'keep'],
  ['unknown', 61_000, '', 'remove'],
  ['unknown', 61_000, 'garbage', 'remove'],
  ['unknown', 59_000, '', 'keep'],
  ['unknown', -DAY, '', 'keep'],
] as const)('an ephemeral one whose owner is %s, made %d ms ago by %j: %s', (owner, age, by, expected) => {
  const given = candidate(
    { lifecycle: 'ephemeral', trust: 'owner', createdAt: ago(age), lastUsedAt: ago(age), instance: by },
    { owner },
  );
  expect(verdict(given)).toBe(expected);
  expect(verdict(given, { mode: 'automatic', idleDays: null })).toBe(expected);
});

test.each([
  ['creating', 'dead', 'remove'],
  ['creating', 'alive', 'keep'],
  ['creating', 'unknown', 'keep'],
  ['created', 'dead', 'keep'],
  ['running', 'dead', 'keep'],
  [undefined, 'dead', 'forget'],
  [undefined, 'alive', 'keep'],
  [undefined, 'unknown', 'keep'],
] as const)('a long-lived one that is %s, its program %s: %s', (state, owner, expected) => {
  expect(verdict(candidate({ lastUsedAt: now }, { state, owner }))).toBe(expected);
});

test.each([
  ['dead', 0, 'remove'],
  ['dead', 1, 'keep'],
  ['alive', 0, 'keep'],
  ['unknown', 0, 'keep'],
] as const)(
  'one that never ran, its program %s, used %d ms after it was recorded: %s',
  (owner, ms, expected) => {
    const record = { createdAt: now, lastUsedAt: new Date(now.getTime() + ms) };
    expect(verdict(candidate(record, { state: 'created', owner }))).toBe(expected);
    expect(verdict(candidate(record, { state: 'stopped', owner }))).toBe('keep');
  },
);

const marked = (wallMs: number, clockMs: number, bootId = 'b1') =>
  candidate({ mark: { at: ago(wallMs), boot: { bootId, elapsedMs: boot.elapsedMs - clockMs } } });

test.each([
  ['not marked', candidate(), 'mark'],
  ['a day ago', marked(DAY, DAY), 'remove'],
  ['just now', marked(0, 0), 'keep'],
  ['a day ago by the wall clock alone (set forward)', marked(20 * DAY, 1000), 'keep'],
  ['a day ago by the boot clock alone (set back)', marked(1000, 2 * DAY), 'keep'],
  ['a day ago, before a restart', marked(DAY, 0, 'b0'), 'remove'],
  ['an hour ago, before a restart', marked(DAY / 24, 0, 'b0'), 'keep'],
  ['a day ago, before a restart that has no id', marked(DAY, -DAY), 'remove'],
  ['used since', marked(40 * DAY, 40 * DAY), 'mark'],
] as const)('an automatic sweep, marked %s', (_, given, expected) => {
  expect(verdict(given, { mode: 'automatic' })).toBe(expected);
});

const usedFor = (elapsedMs: number, bootId = 'b1') => ({
  lastUsedBoot: { bootId, elapsedMs: boot.elapsedMs - elapsedMs },
});

test.each([
  ['set forward by a year', ago(366 * DAY), usedFor(DAY), 'keep'],
  ['set back by a year', ago(-364 * DAY), usedFor(DAY), 'keep'],
  ['set back by a year, a month after the last use', ago(-334 * DAY), usedFor(31 * DAY), 'keep'],
  ['right', ago(31 * DAY), usedFor(31 * DAY), 'remove'],
  ['right, and the machine was restarted since', ago(31 * DAY), usedFor(DAY, 'b0'), 'remove'],
  ['right, and a restart cannot be told from none', ago(31 * DAY), usedFor(-DAY), 'remove'],
] as const)('a clock that is %s', (_, lastUsedAt, used, expected) => {
  expect(verdict(candidate({ lastUsedAt, ...used }))).toBe(expected);
  const automatic = expected === 'remove' ? 'mark' : expected;
  expect(verdict(candidate({ lastUsedAt, ...used }), { mode: 'automatic' })).toBe(automatic);
});

test.each([
  [
    'set by a clock that went ahead',
    candidate({ mark: { at: ago(-DAY), boot: { bootId: 'b1', elapsedMs: 0 } } }),
  ],
  [
    'from before a use while the clock was behind',
    candidate({ ...usedFor(40 * DAY), mark: { at: ago(2 * DAY), boot: { bootId: 'b1', elapsedMs: DAY } } }),
  ],
])('a mark %s is set anew', (_, given) => {
  expect(verdict(given, { mode: 'automatic' })).toBe('mark');
});

test.each(['alive', 'unknown'] as const)(
  'what an owner who is %s has recorded long ago and not made is forgotten',
  (owner) => {
    const recorded = (ms: number) =>
      candidate({ lastUsedAt: ago(ms), trust: 'owner' }, { owner, state: undefined });
    expect(verdict(recorded(600_000))).toBe('forget');
    expect(verdict(recorded(599_999))).toBe('keep');
  },
);

test('whether the program of one that is there still runs is not asked', () => {
  const { owner: _, ...given } = candidate();
  const silent = Object.defineProperty(given, 'owner', { get: () => expect.unreachable('asked') });
  expect(verdict(silent as CleanupCandidate)).toBe('remove');
});

test('what another registry records the use of is never taken by a sweep, and by hand like any other', () => {
  const elsewhere = candidate({}, { isUsedElsewhere: true });
  expect(verdict(elsewhere, { mode: 'automatic' })).toBe('keep');
  expect(verdict(elsewhere)).toBe('remove');
  const orphan = candidate({ lifecycle: 'ephemeral' }, { isUsedElsewhere: true });
  expect(verdict(orphan, { mode: 'automatic' })).toBe('remove');
});

test('by hand nothing waits for a mark', () => {
  expect(verdict(marked(0, 0))).toBe('remove');
});

test('used again, then idle again: the old mark counts no more', () => {
  const used = candidate({ lastUsedAt: ago(31 * DAY), mark: { at: ago(32 * DAY), boot } });
  expect(verdict(used, { mode: 'automatic' })).toBe('mark');
});

test.each(['running', 'creating', undefined] as const)(
  'one whose removal was begun goes, with its volumes (%s)',
  (state) => {
    const condemned = candidate({ condemned: true, trust: 'owner', lastUsedAt: now }, { state });
    expect(
      selectForCleanup([condemned], { ...policy, mode: 'automatic' }, { now, boot }).remove,
    ).toMatchObject([{ reason: 'its removal was begun', volumes: true }]);
    expect(verdict({ ...condemned, sessions: 1 })).toBe('keep');
  },
);

test('volumes go with what is removed, but not with one that was being made again', () => {
  const volumes = (given: CleanupCandidate) =>
    selectForCleanup([given], policy, { now, boot }).remove[0]?.volumes;
  expect(volumes(candidate())).toBe(true);
  expect(volumes(candidate({}, { state: 'creating' }))).toBe(false);
  expect(volumes(candidate({ lifecycle: 'ephemeral' }))).toBe(true);
});

test('an ephemeral one that was never made takes with it whatever carries its labels', () => {
  const given = candidate({ lifecycle: 'ephemeral' }, { state: undefined, owner: 'dead' });
  expect(verdict(given)).toBe('remove');
});

test('every candidate is chosen once, and none in use or protected is removed', () => {
  const candidates = fc.array(
    fc.record({
      trust: fc.constantFrom(...TRUST_LEVELS, null),
      // Used once at least: what never ran is half made.
      days: fc.integer({ min: -10, max: 99 }),
      sessions: fc.constantFrom(0, 1, undefined),
      state: fc.constantFrom('running', 'stopped', 'created', undefined),
    }),
  );
  fc.assert(
    fc.property(candidates, fc.constantFrom('manual', 'automatic'), (rows, mode) => {
      const given = rows.map(({ trust, days, sessions, state }, index) =>
        candidate({ name: `box-${index}`, trust, lastUsedAt: ago(days * DAY) }, { sessions, state }),
      );
      const { remove, keep, forget } = selectForCleanup(given, { ...policy, mode }, { now, boot });
      const names = [...[...remove, ...keep].map(({ record }) => record), ...forget].map(({ name }) => name);
      expect(names.toSorted()).toEqual(given.map(({ record }) => record.name).toSorted());
      for (const { record } of remove) {
        const { trust, days, sessions = 0 } = rows[Number(record.name.slice(4))] ?? { trust: null, days: 0 };
        expect(sessions).toBe(0);
        expect(days).toBeGreaterThan(30);
        expect(['owner', 'full']).not.toContain(trust);
      }
    }),
  );
});
