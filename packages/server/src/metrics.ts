/** Upper bounds in seconds: from what a command costs at least to an hour. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600];

/** What clients may ask with; whatever else they send is one word. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export interface ExecutionLabels {
  /** Id of the language. */
  readonly runtime: string;
  readonly adapter: string;
  /** How it ended, or the code of what stopped us from running it. */
  readonly ending: string;
}

/** What is counted, as Prometheus reads it. No label has a value that callers could make up: there are never more than a few hundred series. */
export class Metrics {
  readonly #executions = new Map<string, number>();
  readonly #durations = new Map<string, Histogram>();
  readonly #requests = new Map<string, number>();

  /** Without a duration where none was measured, or it would say nothing: somebody sat at a terminal. */
  executed({ runtime, adapter, ending }: ExecutionLabels, durationMs: number | null): void {
    bump(this.#executions, labels({ runtime, adapter, ending }));
    if (durationMs === null) return;
    const key = pairs({ runtime, adapter });
    const histogram = this.#durations.get(key) ?? new Histogram();
    this.#durations.set(key, histogram);
    histogram.observe(durationMs / 1000);
  }

  answered(method: string, status: number): void {
    const known = METHODS.has(method) ? method : 'OTHER';
    bump(this.#requests, labels({ method: known, status: String(status) }));
  }

  /** `others`: what is counted or measured elsewhere, as it is now. */
  text(others: readonly Family[]): string {
    const durations = [...this.#durations].flatMap(([key, histogram]) => histogram.samples(key));
    return [
      ...family('sandbox_executions_total', 'counter', 'Executions, by how they ended.', this.#executions),
      ...family(
        'sandbox_execution_duration_seconds',
        'histogram',
        'How long commands took, those with a terminal left out.',
        durations,
      ),
      ...family('sandbox_requests_total', 'counter', 'Requests, by answer.', this.#requests),
      ...others.flatMap(({ name, type = 'gauge', help, values }) => family(name, type, help, values)),
      '',
    ].join('\n');
  }
}

export interface Family {
  readonly name: string;
  /** @default 'gauge' */
  readonly type?: 'gauge' | 'counter';
  readonly help: string;
  /** Labels as `labels` writes them, and the value. */
  readonly values: Iterable<readonly [string, number]>;
}

class Histogram {
  /** One more than there are bounds: the last is for what is beyond them. */
  readonly #counts = new Array<number>(BUCKETS.length + 1).fill(0);
  #sum = 0;

  observe(seconds: number): void {
    const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
    const at = bucket === -1 ? BUCKETS.length : bucket;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += seconds;
  }

  /** Each bucket counts all that are below its bound. */
  samples(key: string): [string, number][] {
    let count = 0;
    const buckets = this.#counts.map((own, index): [string, number] => {
      count += own;
      return [`_bucket{${key},le="${BUCKETS[index] ?? '+Inf'}"}`, count];
    });
    return [...buckets, [`_sum{${key}}`, this.#sum], [`_count{${key}}`, count]];
  }
}

export function labels(values: Readonly<Record<string, string>>): string {
  return `{${pairs(values)}}`;
}

function pairs(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',');
}

const escaped = (value: string) =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

function family(
  name: string,
  type: 'counter' | 'gauge' | 'histogram',
  help: string,
  values: Iterable<readonly [string, number]>,
): string[] {
  const samples = [...values].map(([key, value]) => `${name}${key} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples];
}

function bump(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
