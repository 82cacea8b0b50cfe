/** What commands are for, as their callers say. Nothing follows from it but what `onExecution` is told. */
export interface Purpose {
  /** Of the code that is run: `python`. */
  readonly language?: string | undefined;
  /** Default: those of the task whose sandbox it is. */
  readonly project?: string | undefined;
  readonly task?: string | undefined;
}

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
