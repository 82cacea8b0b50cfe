import { type Capabilities, CONTROLS, type ProbeResult, type RuntimeAdapter } from '@sandbox/core';
import { describe, expect, it } from 'vitest';
import { capturedIo } from '../../test/captured-io.ts';
import { type AdapterEntry, createCli } from '../index.ts';

function capabilities(
  how: string,
  weak: Readonly<Record<string, 'limited' | 'unsupported'>> = {},
): Capabilities {
  const controls = CONTROLS.map((control) => [control, { support: weak[control] ?? 'enforced', how }]);
  return {
    controls: Object.fromEntries(controls),
    facets: {} as Capabilities['facets'],
    boundary: 'container',
  };
}

function entry(runtime: string, probe: () => Promise<ProbeResult>): AdapterEntry & { closed: () => boolean } {
  let closed = false;
  const adapter = {
    runtime,
    capabilities: capabilities('anywhere'),
    probe,
    close: async () => {
      closed = true;
    },
  };
  return { runtime, load: async () => adapter as unknown as RuntimeAdapter, closed: () => closed };
}

const healthy = (runtime: string, weak = {}) =>
  entry(runtime, async () => ({
    status: 'healthy',
    version: '9.1',
    endpoint: 'unix:///run/x.sock',
    message: 'it answers',
    capabilities: capabilities('cgroup', weak),
    warnings: ['a known defect'],
  }));
const missing = entry('podman', async () => ({
  status: 'undetected',
  message: 'no socket, no program',
  remedy: 'apt-get install podman',
  capabilities: capabilities('anywhere'),
}));
const broken = entry('nsjail', () => Promise.reject(new Error('probe fell over')));
const unloadable: AdapterEntry = {
  runtime: 'other',
  load: () => Promise.reject(new Error('no such package')),
};

async function doctor(adapters: readonly AdapterEntry[], ...options: string[]) {
  const io = capturedIo();
  const exitCode = await createCli({ adapters }).run(['doctor', ...options], io);
  return { exitCode, out: io.out(), err: io.err() };
}

describe('sandbox doctor', () => {
  it('tells what was found, what it enforces and by what means', async () => {
    const docker = healthy('docker', { disk: 'unsupported' });
    const { exitCode, out, err } = await doctor([docker, missing, broken, unloadable]);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toContain('✔ docker 9.1: it answers\n  at unix:///run/x.sock\n  warning: a known defect\n');
    expect(out).toContain('– podman: no socket, no program\n  to mend it: apt-get install podman\n');
    expect(out).toContain('✘ nsjail: probe fell over\n');
    expect(out).toContain('✘ other: no such package\n');
    expect(out).toMatch(/^WHAT IT ENFORCES HERE +docker +HOW$/m);
    expect(out).toMatch(/^disk +unsupported +cgroup$/m);
    for (const control of CONTROLS) expect(out).toMatch(new RegExp(`^${control} `, 'm'));
    expect(docker.closed()).toBe(true);
  });

  it('puts several runtimes side by side, and the reasons below', async () => {
    const { out } = await doctor([
      healthy('docker', { disk: 'unsupported' }),
      healthy('podman', { pids: 'limited' }),
    ]);
    expect(out).toMatch(/^WHAT IT ENFORCES HERE +docker +podman$/m);
    expect(out).toMatch(/^pids +enforced +limited$/m);
    expect(out).toContain('docker, disk: unsupported: cgroup\npodman, pids: limited: cgroup\n');
  });

  it('ends with 1 where nothing can run sandboxes', async () => {
    expect((await doctor([missing, broken])).exitCode).toBe(1);
    expect((await doctor([healthy('docker'), missing], '--runtime', 'podman')).exitCode).toBe(1);
  });

  it('prints all of it as JSON', async () => {
    const { exitCode, out } = await doctor([healthy('docker'), missing, unloadable], '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject([
      { runtime: 'docker', status: 'healthy', version: '9.1', capabilities: { boundary: 'container' } },
      { runtime: 'podman', status: 'undetected', remedy: 'apt-get install podman' },
      { runtime: 'other', status: 'unhealthy', message: 'no such package', capabilities: null },
    ]);
  });
});
