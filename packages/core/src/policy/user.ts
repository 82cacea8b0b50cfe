import { SandboxError } from '../errors/sandbox-error.ts';

/** Ids inside of a guest. */
export interface GuestUser {
  readonly uid: number;
  readonly gid: number;
}

const LARGEST_ID = 2 ** 32 - 2;

/** A name that an image may know. */
const NAME = /^[a-z_][a-z0-9_-]*\$?$/i;

/** Ids from `--user`: `root`, `0`, `1000` (its group has the same number) or `1000:1000`. Other names are `INVALID_ARGUMENT`: which id they have, only the image knows. */
export function parseUser(text: string): GuestUser {
  if (text === 'root') return { uid: 0, gid: 0 };
  const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(text);
  const uid = Number(match?.[1]);
  const gid = Number(match?.[2] ?? match?.[1]);
  if (match === null || uid > LARGEST_ID || gid > LARGEST_ID) {
    const what = NAME.test(text) ? 'is a name, and which ids it has only the image knows' : 'is not a user';
    throw new SandboxError('INVALID_ARGUMENT', `user: ${JSON.stringify(text)} ${what}`, {
      hint: 'Give ids: 1000, 1000:1000, 0; or the name root.',
    });
  }
  return { uid, gid };
}
