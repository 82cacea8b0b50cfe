import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { IdMapping } from '../adapter/adapter.ts';
import { PROJECT_HOST_IDS, PROJECT_SUBORDINATE_IDS, projectUser } from './project-user.ts';

const caller: IdMapping = { type: 'caller', hostUid: 1000, hostGid: 1000, guestUid: 1000, guestGid: 1000 };

test.each([
  ['ids of the host', { type: 'identity' }, PROJECT_HOST_IDS],
  ['ids of the host, where nothing is said', undefined, PROJECT_HOST_IDS],
  ['ids of a user namespace', caller, PROJECT_SUBORDINATE_IDS],
] as const)('a project has one user, of %s', (_, mapping, { first, count }) => {
  fc.assert(
    fc.property(fc.string(), (project) => {
      const { uid, gid } = projectUser(project, mapping);
      expect(gid).toBe(uid);
      expect(uid).toBeGreaterThanOrEqual(first);
      expect(uid).toBeLessThan(first + count);
      expect(projectUser(project, mapping)).toEqual({ uid, gid });
    }),
  );
});

test('it stays what it was in earlier versions: files belong to it', () => {
  expect(projectUser('web', undefined)).toEqual({ uid: 2147459924, gid: 2147459924 });
  expect(projectUser('web', caller)).toEqual({ uid: 34102, gid: 34102 });
});

test('the ranges end before what engines and user namespaces do not have', () => {
  expect(PROJECT_HOST_IDS.first + PROJECT_HOST_IDS.count).toBeLessThanOrEqual(2 ** 31);
  expect(PROJECT_SUBORDINATE_IDS.first + PROJECT_SUBORDINATE_IDS.count).toBeLessThanOrEqual(60_000);
});
