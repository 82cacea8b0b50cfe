import { describe, expect, it } from 'vitest';
import { Metrics } from './metrics.ts';

const labels = { runtime: 'python', adapter: 'docker', ending: 'exited' };

/** The samples of a family, by what stands before the value. */
function samplesOf(text: string, name: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line.startsWith(name));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

describe('metrics', () => {
  it('count executions by language, adapter and ending', () => {
    const metrics = new Metrics();
    metrics.executed(labels, 1);
    metrics.executed(labels, 1);
    metrics.executed({ ...labels, ending: 'UNAVAILABLE' }, null);
    expect([...samplesOf(metrics.text([]), 'sandbox_executions_total')]).toEqual([
      ['sandbox_executions_total{runtime="python",adapter="docker",ending="exited"}', 2],
      ['sandbox_executions_total{runtime="python",adapter="docker",ending="UNAVAILABLE"}', 1],
    ]);
  });

  it('have a histogram of durations: each bucket counts what is at most its bound', () => {
    const metrics = new Metrics();
    for (const durationMs of [0, 5, 5.1, 99, 2_000, 7_200_000, null]) metrics.executed(labels, durationMs);
    const name = 'sandbox_execution_duration_seconds';
    const samples = samplesOf(metrics.text([]), name);
    const bucket = (le: string) =>
      samples.get(`${name}_bucket{runtime="python",adapter="docker",le="${le}"}`);
    expect(['0.005', '0.01', '0.05', '0.1', '2.5', '3600', '+Inf'].map(bucket)).toEqual([
      2, 3, 3, 4, 5, 5, 6,
    ]);
    expect(samples.get(`${name}_count{runtime="python",adapter="docker"}`)).toBe(6);
    expect(samples.get(`${name}_sum{runtime="python",adapter="docker"}`)).toBeCloseTo(7_202.1091, 6);
  });

  it('take no label from what a client makes up', () => {
    const metrics = new Metrics();
    for (const method of ['GET', 'BREW', 'PROPFIND', 'X'.repeat(100)]) metrics.answered(method, 404);
    expect([...samplesOf(metrics.text([]), 'sandbox_requests_total')]).toEqual([
      ['sandbox_requests_total{method="GET",status="404"}', 1],
      ['sandbox_requests_total{method="OTHER",status="404"}', 3],
    ]);
  });

  it('escape what stands in a label', () => {
    const metrics = new Metrics();
    metrics.executed({ ...labels, adapter: 'a"b\\c\nd' }, null);
    expect(metrics.text([])).toContain('adapter="a\\"b\\\\c\\nd"');
  });
});
