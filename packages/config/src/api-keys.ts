import { createHash, randomBytes, randomInt } from 'node:crypto';
import { SandboxError } from '@sandbox/core';
import type { ConfigKey } from './schema.ts';
import { parseToml, tableAt } from './toml-document.ts';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** A new key: what its user is given, once, and what is kept of it. It has 256 random bits. */
export function createApiKey(
  user: string,
  now = new Date(),
): { readonly key: string; readonly kept: ConfigKey } {
  const id = Array.from({ length: 8 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  const key = `sbx_${id}_${randomBytes(32).toString('base64url')}`;
  const hash = createHash('sha256').update(key).digest('hex');
  return { key, kept: { id, user, hash, created: now.toISOString().slice(0, 10) } };
}

/** The text of a file with one key more, at its end. Everything else stays as it is. Pure. */
export function withApiKey(text: string, { id, user, hash, created }: ConfigKey): string {
  if (parseToml(text).value.keys !== undefined && tableAt(text, ['keys', 0]) === undefined)
    throw notTables('keys are not written as [[keys]] tables', 'Write each of them as a [[keys]] table.');
  const before = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  // JSON writes text as TOML does.
  const lines = Object.entries({ id, user, hash, created }).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key} = ${JSON.stringify(value)}`],
  );
  return `${before}${before === '' ? '' : '\n'}[[keys]]\n${lines.join('\n')}\n`;
}

/** The text of a file without the key at this place in its list. Pure. */
export function withoutApiKey(text: string, index: number): string {
  const range = tableAt(text, ['keys', index]);
  if (range === undefined) {
    throw notTables(
      'the key is not written as a [[keys]] table of its own',
      'Remove it from the file by hand.',
    );
  }
  const [start, end] = range;
  const rest = text.slice(end).replace(/^[^\S\n]*(#[^\n]*)?\n?/, '');
  const before = text.slice(0, start).replace(/\n\n$/, '\n');
  return before === '' ? rest.replace(/^\n/, '') : before + rest;
}

function notTables(message: string, hint: string): SandboxError {
  return new SandboxError('FAILED_PRECONDITION', message, { operation: 'keys', hint });
}
