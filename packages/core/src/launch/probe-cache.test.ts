import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ProbeStatus, RuntimeAdapter } from '../adapter/adapter.ts';
import { ProbeCache } from './probe-cache.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

function runtime(...statuses: ProbeStatus[]) {
  const probe = vi.fn(async () => ({ status: statuses.shift() ?? 'healthy' }));
  return { adapter: { runtime: 'docker', probe } as never as RuntimeAdapter, probe };
}

describe('ProbeCache', () => {
  it('asks once for those who ask at the same time, and again after a while', async () => {
    const { adapter, probe } = runtime();
    const cache = new ProbeCache();
    await Promise.all([cache.probe(adapter), cache.probe(adapter)]);
    vi.advanceTimersByTime(29_000);
    await cache.probe(adapter);
    expect(probe).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(2_000);
    await cache.probe(adapter);
    expect(probe).toHaveBeenCalledTimes(2);
    cache.forget(adapter);
    await cache.probe(adapter);
    expect(probe).toHaveBeenCalledTimes(3);
  });

  it('does not believe a failure for long', async () => {
    const { adapter, probe } = runtime('unhealthy', 'healthy');
    const cache = new ProbeCache();
    expect((await cache.probe(adapter)).status).toBe('unhealthy');
    vi.advanceTimersByTime(1_100);
    expect((await cache.probe(adapter)).status).toBe('healthy');
    expect(probe).toHaveBeenCalledTimes(2);
  });

  it('lets a caller give up, and goes on for the others', async () => {
    const gate = Promise.withResolvers<{ status: ProbeStatus }>();
    const adapter = { runtime: 'docker', probe: () => gate.promise } as never as RuntimeAdapter;
    const cache = new ProbeCache();
    const controller = new AbortController();
    const given = cache.probe(adapter, controller.signal);
    const patient = cache.probe(adapter);
    controller.abort();
    await expect(given).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', operation: 'probe' });
    gate.resolve({ status: 'healthy' });
    expect((await patient).status).toBe('healthy');
  });
});
