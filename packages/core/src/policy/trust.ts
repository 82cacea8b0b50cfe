import { TRUST_LEVELS, type Trust } from './policy.ts';

/** Whether `trust` is `level` or higher: `isAtLeast('owner', 'full')` is true, `isAtLeast('inner', 'full')` is not. */
export function isAtLeast(trust: Trust, level: Trust): boolean {
  // The list has the highest first: a smaller index is more trust.
  return TRUST_LEVELS.indexOf(trust) <= TRUST_LEVELS.indexOf(level);
}

/** The lower of the two: what a caller says of itself never exceeds what is configured for it. */
export function lowerTrust(one: Trust, other: Trust): Trust {
  return isAtLeast(one, other) ? other : one;
}
