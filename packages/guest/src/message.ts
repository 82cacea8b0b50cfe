import { MAX_PAYLOAD } from './frames.ts';
import { GUEST_ERROR_CODES, GuestError, type GuestErrorCode } from './guest-error.ts';
import { printable } from './printable.ts';
import type { Text } from './text.ts';

/** JSON from the guest: nothing is known of it but that it is an object. */
export type Message = Readonly<Record<string, unknown>>;

/** Throws a `GuestError` that ends the session: JSON that is not an object comes from no agent. */
export function parseMessage(payload: Buffer): Message {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString('utf8'));
  } catch (cause) {
    throw new GuestError('UNKNOWN', `a message that is not JSON: "${printable(payload)}"`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong('message', value, 'an object');
  return value as Message;
}

export function numberOf(message: Message, name: string): number {
  const value = message[name];
  if (typeof value !== 'number') throw wrong(name, value, 'a number');
  return value;
}

/** A number, or null for null and for what is missing. */
export function numberOrNull(message: Message, name: string): number | null {
  return message[name] === undefined || message[name] === null ? null : numberOf(message, name);
}

export function booleanOf(message: Message, name: string): boolean {
  const value = message[name];
  if (typeof value !== 'boolean') throw wrong(name, value, 'true or false');
  return value;
}

export function stringOf(message: Message, name: string): string {
  const value = message[name];
  if (typeof value !== 'string') throw wrong(name, value, 'a string');
  return value;
}

export function arrayOf(message: Message, name: string): readonly unknown[] {
  const value = message[name];
  if (!Array.isArray(value)) throw wrong(name, value, 'a list');
  return value;
}

export function objectOf(value: unknown, name: string): Message {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(name, value, 'an object');
  return value as Message;
}

export function textOf(message: Message, name: string): Text {
  const value = message[name];
  if (typeof value === 'string') return value;
  const base64 = typeof value === 'object' && value !== null ? (value as Message).base64 : undefined;
  if (typeof base64 !== 'string') throw wrong(name, value, 'a string or bytes in base64');
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

/** For people: bytes that are not UTF-8 are replaced. */
export function displayText(text: Text): string {
  return printable(text, 4096);
}

/** The `error` of a reply, as what the request rejects with. */
export function errorOf(value: unknown, operation: string): GuestError {
  const error = objectOf(value, 'error');
  const code = typeof error.code === 'string' && GUEST_ERROR_CODES.has(error.code) ? error.code : 'UNKNOWN';
  return new GuestError(code as GuestErrorCode, printable(stringOf(error, 'message'), 4096), {
    operation,
    errno: typeof error.errno === 'string' ? printable(error.errno, 32) : undefined,
    path: error.path === undefined || error.path === null ? undefined : displayText(textOf(error, 'path')),
  });
}

function wrong(name: string, value: unknown, expected: string): GuestError {
  const given = printable(JSON.stringify(value) ?? 'nothing', 60);
  return new GuestError('UNKNOWN', `a message in which ${name} is ${given}, not ${expected}`);
}

/** A text as JSON; refuses what the guest could not be given byte for byte. */
export function encodeText(text: Text, name: string): string | { base64: string } {
  if (typeof text === 'string') {
    if (text.includes('\0')) throw invalid(`${name} contains a NUL byte`);
    if (!text.isWellFormed())
      throw invalid(`${name} contains half of a surrogate pair; give the bytes instead`);
    return text;
  }
  if (text.includes(0)) throw invalid(`${name} contains a NUL byte`);
  return { base64: Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('base64') };
}

/** The agent takes no longer times. */
const MAX_MS = 2 ** 40;

/** Milliseconds for the guest, rounded up to whole ones. */
export function encodeMs(value: number | undefined, name: string): number | undefined {
  if (value === undefined) return undefined;
  if (!(value >= 0 && value <= MAX_MS))
    throw invalid(`${name} is ${value}, not a number from 0 to ${MAX_MS}`);
  return Math.ceil(value);
}

/** A whole number for the guest. */
export function encodeInteger(value: number, name: string, least: number, most: number): number {
  if (!(Number.isInteger(value) && value >= least && value <= most)) {
    throw invalid(`${name} is ${value}, not a whole number from ${least} to ${most}`);
  }
  return value;
}

/** The payload of a request or control frame. */
export function encodeMessage(message: Message): string {
  const json = JSON.stringify(message);
  // UTF-8 takes up to three bytes for a unit of UTF-16: most messages need no counting.
  if (json.length > MAX_PAYLOAD / 3 && Buffer.byteLength(json) > MAX_PAYLOAD) {
    throw new GuestError('INVALID_ARGUMENT', 'the request is larger than 1 MiB', { errno: 'E2BIG' });
  }
  return json;
}

export function invalid(message: string): GuestError {
  return new GuestError('INVALID_ARGUMENT', message);
}
