import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatInstance, type Instance, judgeInstance, parseInstance } from './instance.ts';
import { lookupProcess, parseStartTime, readInstance } from './read-instance.ts';

const self: Instance = {
  machineId: 'm1',
  bootId: 'b2',
  pidNamespace: '4026531836',
  pid: 10,
  startTime: '500',
};
const other = { ...self, pid: 77, startTime: '900' };
const label = (changes: Partial<Instance> = {}) => formatInstance({ ...other, ...changes });

test.each([
  ['its process runs', label(), '900', 'alive'],
  ['its process is gone', label(), null, 'dead'],
  ['its pid is another process now', label(), '901', 'dead'],
  ['its process cannot be told from another', label(), '', 'unknown'],
  ['its own start time is not known', label({ startTime: '' }), '900', 'unknown'],
  ['its start time is not known, but it is gone', label({ startTime: '' }), null, 'dead'],
  ['an earlier boot', label({ bootId: 'b1' }), '900', 'dead'],
  ['an earlier boot, in any namespace', label({ bootId: 'b1', pidNamespace: '5' }), '900', 'dead'],
  ['another machine', label({ machineId: 'm2', bootId: 'b1' }), null, 'unknown'],
  ['another boot, and no machine id', label({ machineId: '', bootId: 'b1' }), null, 'unknown'],
  ['no boot id', label({ bootId: '' }), null, 'unknown'],
  ['another namespace', label({ pidNamespace: '5' }), null, 'unknown'],
  ['no namespace', label({ pidNamespace: '' }), null, 'unknown'],
  ['the same kernel without machine ids', label({ machineId: '' }), null, 'dead'],
  ['nothing', '', null, 'unknown'],
  ['garbage', 'v1:a:b', null, 'unknown'],
  ['a later version', `v2${label().slice(2)}`, null, 'unknown'],
] as const)('%s', (_, text, found, verdict) => {
  expect(judgeInstance(text, self, () => found)).toBe(verdict);
});

test('without boot ids, the machine and its processes decide', () => {
  const apple = { ...self, bootId: '', pidNamespace: 'host', startTime: '' };
  const text = formatInstance({ ...apple, pid: 77 });
  expect(judgeInstance(text, apple, () => null)).toBe('dead');
  expect(judgeInstance(text, apple, () => '')).toBe('unknown');
  expect(judgeInstance(text, { ...apple, machineId: 'm2' }, () => null)).toBe('unknown');
  expect(judgeInstance(text, { ...apple, machineId: '' }, () => null)).toBe('unknown');
});

test('what neither of two programs can tell of itself proves nothing', () => {
  const nowhere = { ...self, machineId: '' };
  expect(judgeInstance(label({ machineId: '', bootId: 'b1' }), nowhere, () => null)).toBe('unknown');
  const hidden = { ...self, pidNamespace: '' };
  expect(judgeInstance(label({ pidNamespace: '' }), hidden, () => null)).toBe('unknown');
});

test('what was written is read back', () => {
  const part = fc.stringMatching(/^[A-Za-z0-9_-]{0,40}$/);
  const instance = fc.record({
    machineId: part,
    bootId: part,
    pidNamespace: part,
    pid: fc.integer({ min: 1, max: 2 ** 22 }),
    startTime: part,
  });
  fc.assert(
    fc.property(instance, (value) => {
      expect(parseInstance(formatInstance(value))).toEqual(value);
    }),
  );
});

test('no text is a proof of death but an instance of this machine', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(parseInstance(text) === null);
      return judgeInstance(text, self, () => null) === 'unknown';
    }),
  );
});

test.each([
  ['42 (node) S 1 42 42 0 -1 4194560 1 0 0 0 5 2 0 0 20 0 11 0 12345 1000', '12345'],
  ['42 (a) S) (b) R 1 42 42 0 -1 4194560 1 0 0 0 5 2 0 0 20 0 11 0 678 1000', '678'],
  ['42 (node) Z 1 42 42 0 -1 4194560 1 0 0 0 5 2 0 0 20 0 11 0 12345 1000', null],
  ['', ''],
  ['42 (node) S', ''],
])('start time of %j', (stat, expected) => {
  expect(parseStartTime(stat)).toBe(expected);
});

test('this program is alive', () => {
  const instance = readInstance();
  expect(instance.pid).toBe(process.pid);
  expect(parseInstance(formatInstance(instance))).toEqual(instance);
  const verdict = judgeInstance(formatInstance(instance), instance, lookupProcess);
  expect(verdict).toBe(process.platform === 'linux' ? 'alive' : 'unknown');
});

test('a pid that nobody has', () => {
  expect(lookupProcess(2 ** 22 + 1)).toBeNull();
});
