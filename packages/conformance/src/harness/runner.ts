/** What the suite needs of a test runner: vitest, jest and node:test (with any `expect`) have it. */
export interface Runner {
  readonly describe: (name: string, body: () => void) => unknown;
  /** The body may be handed a context with a `skip` function. Runners that take a limit in milliseconds third are given one. */
  readonly it: (name: string, body: (context: unknown) => Promise<void>, timeoutMs?: number) => unknown;
  readonly expect: Expect;
  /** `afterAll`, or `after` of node:test. Without it the summary is printed after the last case. */
  readonly afterAll?: ((body: () => Promise<void>) => unknown) | undefined;
}

export type Expect = (actual: unknown) => Matchers;

/** The few matchers that the suite uses. */
export interface Matchers {
  toBe(expected: unknown): unknown;
  toEqual(expected: unknown): unknown;
  toContain(expected: unknown): unknown;
  toMatch(expected: RegExp): unknown;
  toBeLessThanOrEqual(expected: number): unknown;
  toBeGreaterThanOrEqual(expected: number): unknown;
  readonly not: Matchers;
}

/** Marks a case as skipped in the runner's own report, where it can. */
export function markSkipped(context: unknown, reason: string): void {
  const skip = (context as { skip?: unknown } | undefined)?.skip;
  if (typeof skip === 'function') skip.call(context, reason);
}
