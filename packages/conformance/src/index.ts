export type { ConformanceOptions } from './harness/options.ts';
export type { Expect, Matchers, Runner } from './harness/runner.ts';
export { runConformance } from './run-conformance.ts';
