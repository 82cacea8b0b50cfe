import type { Result } from './schemas.ts';

/** What is counted, as Prometheus reads it. */
export class Metrics {
  readonly #executions = new Map<string, number>();
  readonly #requests = new Map<string, number>();
  #executionMs = 0;

  executed({ runtime, adapter, ending, durationMs }: Result): void {
    bump(this.#executions, labels({ runtime, adapter: adapter ?? '', ending: ending ?? 'lost' }));
    this.#executionMs += durationMs ?? 0;
  }

  answered(method: string, status: number): void {
    bump(this.#requests, labels({ method, status: String(status) }));
  }

  /** `gauges`: name, what it says, and its value now for each set of labels. */
  text(gauges: readonly Gauge[]): string {
    return [
      ...family('sandbox_executions_total', 'counter', 'Executions, by how they ended.', this.#executions),
      ...family('sandbox_execution_seconds_total', 'counter', 'Time spent in executions.', [
        ['', this.#executionMs / 1000],
      ]),
      ...family('sandbox_requests_total', 'counter', 'Requests, by answer.', this.#requests),
      ...gauges.flatMap(({ name, help, values }) => family(name, 'gauge', help, values)),
      '',
    ].join('\n');
  }
}

export interface Gauge {
  readonly name: string;
  readonly help: string;
  /** Labels as `labels` writes them, and the value. */
  readonly values: Iterable<readonly [string, number]>;
}

export function labels(values: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(values).map(([name, value]) => `${name}="${escaped(value)}"`);
  return `{${pairs.join(',')}}`;
}

const escaped = (value: string) =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

function family(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  values: Iterable<readonly [string, number]>,
): string[] {
  const samples = [...values].map(([key, value]) => `${name}${key} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples];
}

function bump(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
