import { randomBytes } from 'node:crypto';

/**
 * The label of everything that one file of tests makes: files that run at the same time each look whether something of theirs is left. A program that such a test starts with
 * it as its SANDBOX_SCOPE gets the same.
 */
export function ownScope(what: string): string {
  const given = process.env.SANDBOX_SCOPE ?? 'test';
  if (new RegExp(`-${what}-[0-9a-f]{8}$`).test(given)) return given;
  return `${given}-${what}-${randomBytes(4).toString('hex')}`;
}
