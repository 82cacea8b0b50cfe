import { expect, test } from 'vitest';
import { isAbandoned, temporaryName } from './temporary-name.ts';

test('only what a program named that is proved to be gone is abandoned', () => {
  const name = temporaryName('draft');
  expect(name).not.toBe(temporaryName('draft'));
  expect(isAbandoned(name)).toBe(false);
  const [what, version, machine, boot, namespace, pid, start, random] = name.split('.');
  const named = (...parts: (string | undefined)[]) => [what, version, ...parts, random].join('.');
  // The same process number, of another process, and of one in another namespace.
  expect(isAbandoned(named(machine, boot, namespace, pid, '1'))).toBe(true);
  expect(isAbandoned(named(machine, boot, '1', pid, '1'))).toBe(false);
  expect(isAbandoned(named(machine, 'earlier', '1', pid, start))).toBe(machine !== '');
  expect(isAbandoned(named(machine, boot, namespace, '4194305', start))).toBe(true);
  expect(isAbandoned('agents')).toBe(false);
  expect(isAbandoned('0a1b2c3d-0a1b2c3d-sandbox-run-4194305-1-0123456789ab')).toBe(false);
  expect(isAbandoned(`0a1b2c3d-0a1b2c3d-${named(machine, boot, namespace, '4194305', start)}`)).toBe(false);
});

test('what an earlier version named counts', () => {
  expect(isAbandoned('draft-4194305-1-0123456789ab')).toBe(true);
  expect(isAbandoned(`draft-${process.pid}-1-0123456789ab`)).toBe(true);
});
