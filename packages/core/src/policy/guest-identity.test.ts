import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { IdMapping } from '../adapter/adapter.ts';
import { guestIdentity, type IdentityRequest } from './guest-identity.ts';

const identity: IdMapping = { type: 'identity' };
const any: IdMapping = { type: 'any' };
/** Rootless Docker: root inside is the caller outside. */
const rootless: IdMapping = { type: 'caller', hostUid: 1234, hostGid: 1234, guestUid: 0, guestGid: 0 };
/** Rootless Podman with keep-id. */
const keepId: IdMapping = { type: 'caller', hostUid: 1234, hostGid: 1234, guestUid: 1234, guestGid: 1234 };
const ann = { uid: 1234, gid: 1234 };
const bob = { uid: 4321, gid: 4321 };
const root = { uid: 0, gid: 0 };
const ordinary = { uid: 1000, gid: 1000 };

const ask = (changes: Partial<IdentityRequest>) =>
  guestIdentity({
    workspaceOwner: ann,
    workspacePath: '/work',
    workspaceAccess: 'rw',
    idMapping: identity,
    requestedUser: null,
    profile: 'strict',
    allowRoot: false,
    ...changes,
  });

test.each([
  ['no workspace', { workspaceOwner: null }, ordinary],
  ['access none', { workspaceAccess: 'none' }, ordinary],
  ['read-only', { workspaceAccess: 'ro' }, ordinary],
  ['read-only, of root', { workspaceAccess: 'ro', workspaceOwner: root }, ordinary],
  ['writable', {}, ann],
  ['writable, mapping not known', { idMapping: undefined }, ann],
  ['writable, of the group root', { workspaceOwner: { uid: 1234, gid: 0 } }, ann],
  ['any guest id becomes the owner', { idMapping: any }, ordinary],
  ['rootless Docker', { idMapping: rootless }, root],
  ['rootless Podman', { idMapping: keepId }, ann],
  ['rootless, another group', { idMapping: keepId, workspaceOwner: { uid: 1234, gid: 50 } }, ann],
  ['a user by request', { requestedUser: '7:8' }, { uid: 7, gid: 8 }],
  ['a user by request, without workspace', { requestedUser: '7', workspaceOwner: null }, { uid: 7, gid: 7 }],
  ['root by request, without capabilities', { requestedUser: 'root' }, root],
  ['root by request, in a workspace of root', { requestedUser: '0', workspaceOwner: root }, root],
  ['a user by request, in a workspace of root', { requestedUser: '1000', workspaceOwner: root }, ordinary],
  ['root by request, allowed', { requestedUser: '0', profile: 'workspace', allowRoot: true }, root],
  ['root by request, rootless', { requestedUser: '0', profile: 'workspace', idMapping: rootless }, root],
] as const satisfies readonly [string, Partial<IdentityRequest>, object][])('%s', (_, changes, expected) => {
  expect(ask(changes)).toEqual(expected);
});

test.each([identity, any, rootless, keepId, undefined])(
  'a writable workspace of root is refused: %j',
  (idMapping) => {
    expect(() => ask({ workspaceOwner: root, idMapping })).toThrow(
      expect.objectContaining({
        code: 'FAILED_PRECONDITION',
        message: expect.stringContaining('/work belongs to root'),
        hint: expect.stringMatching(/chown.*--workspace-access ro.*--user 0/),
      }),
    );
  },
);

test('where every guest id becomes the owner, an ordinary user would be root too', () => {
  expect(() => ask({ workspaceOwner: root, idMapping: any, requestedUser: '1000' })).toThrow(
    expect.objectContaining({ code: 'FAILED_PRECONDITION' }),
  );
  expect(ask({ workspaceOwner: root, idMapping: any, requestedUser: '0' })).toEqual(root);
});

test.each([rootless, keepId])(
  'a workspace of somebody whom the engine cannot be is refused: %j',
  (idMapping) => {
    expect(() => ask({ workspaceOwner: bob, idMapping })).toThrow(
      expect.objectContaining({ code: 'FAILED_PRECONDITION', message: expect.stringContaining('user 4321') }),
    );
  },
);

test('entering as root is decided when a sandbox is made', () => {
  expect(() => ask({ requestedUser: '0', profile: 'workspace' })).toThrow(
    expect.objectContaining({ code: 'FAILED_PRECONDITION', hint: expect.stringContaining('--recreate') }),
  );
});

test('the hint names somebody who is not root', () => {
  expect(() => ask({ workspaceOwner: root, caller: ann })).toThrow(
    expect.objectContaining({ hint: expect.stringContaining('chown -R 1234:1234') }),
  );
  expect(() => ask({ workspaceOwner: root, caller: root })).toThrow(
    expect.objectContaining({ hint: expect.stringContaining('chown -R 1000:1000') }),
  );
});

test('nobody who says nothing becomes root of the host', () => {
  const id = fc.integer({ min: 0, max: 3 });
  const owner = fc.record({ uid: id, gid: id });
  const access = fc.constantFrom('rw', 'ro', 'none');
  fc.assert(
    fc.property(
      owner,
      access,
      fc.constantFrom(identity, undefined),
      (workspaceOwner, workspaceAccess, idMapping) => {
        try {
          const { uid, gid } = ask({
            workspaceOwner,
            workspaceAccess,
            idMapping,
          } as Partial<IdentityRequest>);
          expect(uid).not.toBe(0);
          expect(gid).not.toBe(0);
        } catch (error) {
          expect(error).toMatchObject({ code: 'FAILED_PRECONDITION' });
          expect(workspaceOwner.uid).toBe(0);
        }
      },
    ),
  );
});
