import type { Purpose } from './execution.ts';

/** What was said. */
export type SaidPurpose = { readonly [Key in keyof Purpose]?: string };

/** All that is said, the last word counting. Pure. */
export function purposeOf(...purposes: readonly (Purpose | undefined)[]): SaidPurpose {
  const said: Record<string, string> = {};
  for (const purpose of purposes) {
    for (const key of ['language', 'project', 'task'] as const) {
      const value = purpose?.[key];
      if (value !== undefined) said[key] = value;
    }
  }
  return said;
}
