import { expect, test } from 'vitest';
import { parseUser } from './user.ts';

test.each([
  ['root', { uid: 0, gid: 0 }],
  ['0', { uid: 0, gid: 0 }],
  ['1000', { uid: 1000, gid: 1000 }],
  ['1000:50', { uid: 1000, gid: 50 }],
  ['4294967294', { uid: 4294967294, gid: 4294967294 }],
])('%s', (text, user) => {
  expect(parseUser(text)).toEqual(user);
});

test.each(['', 'ann', '-1', '1000:', ':1000', '1000:ann', '4294967295', '1e3', ' 1', '1 '])(
  '%j is refused',
  (text) => {
    expect(() => parseUser(text)).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining(JSON.stringify(text)),
      }),
    );
  },
);
