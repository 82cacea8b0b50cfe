import { expect, test } from 'vitest';
import { TRUST_LEVELS } from './policy.ts';
import { isAtLeast, lowerTrust } from './trust.ts';

/** Each level against each, both ways round: the list is highest first, which is easy to get wrong. */
const RANK = { owner: 5, full: 4, inner: 3, familiar: 2, public: 1 } as const;
const pairs = TRUST_LEVELS.flatMap((one) => TRUST_LEVELS.map((other) => [one, other] as const));

test.each(pairs)('is %s at least %s', (one, other) => {
  expect(isAtLeast(one, other)).toBe(RANK[one] >= RANK[other]);
});

test.each(pairs)('the lower of %s and %s', (one, other) => {
  expect(RANK[lowerTrust(one, other)]).toBe(Math.min(RANK[one], RANK[other]));
});
