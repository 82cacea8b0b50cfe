import assert from 'node:assert/strict';
import type { Matchers } from '../src/index.ts';

/** The matchers that the suite uses, over node:assert: shows how little of a runner it needs. */
export function expect(actual: unknown): Matchers {
  return matchers(actual, (holds, says) => assert(holds, says), matchers(actual, refuse));
}

function refuse(holds: boolean, says: string): void {
  assert(!holds, `not ${says}`);
}

function matchers(actual: unknown, check: (holds: boolean, says: string) => void, not?: Matchers): Matchers {
  const shown = (value: unknown) => (JSON.stringify(value) ?? String(value)).slice(0, 500);
  const say = (verb: string, expected: unknown) => `${shown(actual)} ${verb} ${shown(expected)}`;
  const self: Matchers = {
    toBe: (expected) => check(Object.is(actual, expected), say('is', expected)),
    toEqual: (expected) => check(isEqual(actual, expected), say('equals', expected)),
    toContain: (item) => check(contains(actual, item), say('contains', item)),
    toMatch: (pattern) => check(pattern.test(String(actual)), say('matches', String(pattern))),
    toBeLessThanOrEqual: (most) => check((actual as number) <= most, say('is at most', most)),
    toBeGreaterThanOrEqual: (least) => check((actual as number) >= least, say('is at least', least)),
    get not() {
      return not ?? self;
    },
  };
  return self;
}

function isEqual(actual: unknown, expected: unknown): boolean {
  try {
    assert.deepEqual(actual, expected);
    return true;
  } catch {
    return false;
  }
}

function contains(actual: unknown, item: unknown): boolean {
  return typeof actual === 'string' ? actual.includes(String(item)) : (actual as unknown[]).includes(item);
}
