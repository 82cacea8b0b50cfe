import { type ConformanceOptions, runConformance } from '../src/index.ts';
import { expect } from './plain-expect.ts';

export interface CaseOutcome {
  /** `group/case`. */
  readonly id: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly error?: unknown;
  readonly ms: number;
}

export interface MiniRun {
  readonly cases: readonly CaseOutcome[];
  readonly failed: readonly string[];
  readonly summary: string;
}

type Given = Omit<ConformanceOptions, 'describe' | 'it' | 'expect' | 'afterAll' | 'print'>;

/** A test runner in a few lines: runs the suite here and now, or the part of it whose ids `wanted` picks. */
export async function runSuite(
  options: Given,
  wanted: (id: string) => boolean = () => true,
  told: (outcome: CaseOutcome) => void = () => undefined,
): Promise<MiniRun> {
  const queue: { id: string; body: (context: unknown) => Promise<void> }[] = [];
  const endings: (() => Promise<void>)[] = [];
  let summary = '';
  runConformance({
    ...options,
    describe: (_name, body) => body(),
    it: (name, body) => queue.push({ id: name.slice(0, name.indexOf(':')), body }),
    expect,
    afterAll: (body) => endings.push(body),
    print: (line) => {
      summary = line;
    },
  });
  const cases: CaseOutcome[] = [];
  for (const { id, body } of queue.filter((one) => wanted(one.id))) {
    const outcome = await runOne(id, body);
    told(outcome);
    cases.push(outcome);
  }
  for (const ending of endings) await ending();
  return { cases, failed: cases.filter((one) => one.outcome === 'failed').map((one) => one.id), summary };
}

async function runOne(id: string, body: (context: unknown) => Promise<void>): Promise<CaseOutcome> {
  const before = performance.now();
  let skipped = false;
  const context = {
    skip: () => {
      skipped = true;
    },
  };
  try {
    await body(context);
    return { id, outcome: skipped ? 'skipped' : 'passed', ms: performance.now() - before };
  } catch (error) {
    return { id, outcome: 'failed', error, ms: performance.now() - before };
  }
}
