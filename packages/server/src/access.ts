import { createHash, timingSafeEqual } from 'node:crypto';
import { HttpError } from './problem.ts';

/** A key as it is kept: what it is made of cannot be told from it. */
export interface StoredKey {
  readonly id: string;
  /** Whose it is: what is done with it is done as this user. */
  readonly user: string;
  /** SHA-256 of the whole key, in hex. The keys have 256 random bits, so nothing slower is called for. */
  readonly hash: string;
}

/** Who may use the service. Asked anew for each request, so that what changes holds at once. `Config` of `@sandbox/config` is one. */
export interface AccessSource {
  readonly keys: readonly StoredKey[];
  /** Host directories that this user's workspaces may lie in. */
  workspaceRoots(user: string): readonly string[];
}

const KEY = /^sbx_([a-z0-9]{8})_[A-Za-z0-9_-]{43}$/;
const NOBODY = Buffer.alloc(32);

/** The user whose key this is, or undefined. How long it takes says nothing of the key. */
export function userOfKey(keys: readonly StoredKey[], key: string): string | undefined {
  const id = KEY.exec(key)?.[1];
  const found = keys.find((stored) => stored.id === id);
  const stored = found === undefined ? NOBODY : Buffer.from(found.hash, 'hex');
  const given = createHash('sha256').update(key).digest();
  const isRight = stored.length === given.length && timingSafeEqual(stored, given);
  return isRight ? found?.user : undefined;
}

export interface Credentials {
  readonly authorization: string | undefined;
  /** Address at this end of the connection. */
  readonly localAddress: string | undefined;
}

/**
 * Who asks. As soon as there are keys one is needed; without any, whoever reaches the loopback address is the person who started the service.
 */
export function authenticate(
  { keys }: Pick<AccessSource, 'keys'>,
  { authorization, localAddress }: Credentials,
  localUser: string | undefined,
): string {
  if (keys.length === 0) {
    if (localUser !== undefined && isLoopback(localAddress ?? '')) return localUser;
    throw unauthorized('there are no API keys, and this is not the loopback address');
  }
  const key = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  if (key === undefined) throw unauthorized('an API key is needed');
  const user = userOfKey(keys, key);
  if (user === undefined) throw unauthorized('this is not a key of this service');
  return user;
}

function unauthorized(detail: string): HttpError {
  return new HttpError('PERMISSION_DENIED', detail, {
    status: 401,
    hint: 'Send `Authorization: Bearer KEY`; `sandbox keys add --user NAME` makes a key.',
    headers: { 'www-authenticate': 'Bearer realm="sandbox"' },
  });
}

/** Whether an address cannot be reached from another machine. */
export function isLoopback(address: string): boolean {
  return /^(::ffff:)?127\.\d+\.\d+\.\d+$/i.test(address) || address === '::1';
}
