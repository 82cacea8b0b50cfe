import { median, p95 } from './statistics.ts';

export type Unit = 'ms' | 'MB/s' | 'commands/s' | 'MB';

/** One comparison: ours beside a reference, from the same run. */
export interface Figure {
  readonly name: string;
  readonly unit: Unit;
  readonly ours: number;
  readonly reference: number;
  readonly referenceName: string;
  /** ours / reference. */
  readonly ratio: number;
}

/** A figure with what a reader of the table also wants to know. */
export interface Row extends Figure {
  readonly oursP95: number | undefined;
  readonly referenceP95: number | undefined;
  readonly goal: Goal | undefined;
}

/** What the ratio must reach. */
export type Goal = { readonly atMost: number } | { readonly atLeast: number };

/** A part of the benchmark: all of its figures are measured together, taking turns. */
export interface Part {
  readonly name: string;
  readonly about: string;
  /** Throws `Unavailable` where it cannot be measured. */
  measure(runs: number | undefined): Promise<Row[]>;
}

/** A part that cannot be measured on this machine. */
export class Unavailable extends Error {}

interface Comparison {
  readonly name: string;
  readonly unit: Unit;
  readonly ours: readonly number[];
  readonly reference: readonly number[];
  readonly referenceName: string;
  readonly goal?: Goal;
}

export function compareMedians({ name, unit, ours, reference, referenceName, goal }: Comparison): Row {
  return {
    name,
    unit,
    ours: median(ours),
    reference: median(reference),
    referenceName,
    ratio: median(ours) / median(reference),
    oursP95: p95(ours),
    referenceP95: p95(reference),
    goal,
  };
}

/** Compares two values that are no medians. */
export function compareValues(row: Omit<Row, 'ratio' | 'oursP95' | 'referenceP95'>): Row {
  return { ...row, ratio: row.ours / row.reference, oursP95: undefined, referenceP95: undefined };
}

export function reached({ goal, ratio }: Row): boolean | undefined {
  if (goal === undefined) return undefined;
  return 'atMost' in goal ? ratio <= goal.atMost : ratio >= goal.atLeast;
}
