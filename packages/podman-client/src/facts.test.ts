import { describe, expect, it } from 'vitest';
import { type PodmanInfo, podmanFacts } from './facts.ts';
import { hostProblem } from './host.ts';

describe('what Podman says of itself', () => {
  it('is read from any of 4.3 to 5.x', () => {
    const v4 = { slirp4netns: { executable: '/usr/bin/slirp4netns' }, security: { rootless: true } };
    const hostOf = (change: NonNullable<PodmanInfo['host']>, tun = true) =>
      podmanFacts({ host: change }, { tun, swapLimit: true }).host;
    expect(hostOf(v4)).toMatchObject({ rootless: true, userNetwork: 'slirp4netns', controllers: [] });
    const both = { ...v4, pasta: { executable: '/usr/bin/pasta' }, rootlessNetworkCmd: 'pasta' };
    expect(hostOf(both).userNetwork).toBe('pasta');
    const own = { host_id: 1001, size: 1 };
    const idMappings = { uidmap: [own, { host_id: 100_000, size: 65_536 }], gidmap: [own] };
    const poor = hostOf({ ...v4, idMappings });
    expect(poor.caller).toEqual({ uid: 1001, gid: 1001, moreUids: 65_536, moreGids: 0 });
    expect(hostProblem(poor, undefined, false)?.remedy).toContain('--add-subgids');
    expect(hostOf(both, false).userNetwork).toBeUndefined();
    expect(hostOf({})).toMatchObject({
      rootless: false,
      userNetwork: undefined,
      caller: undefined,
    });
  });

  it('gives what engines have in common', () => {
    const info: PodmanInfo = {
      host: { arch: 'arm64', cgroupVersion: 'v2', cgroupControllers: ['memory'], cpus: 4, kernel: '6.1.0-9' },
      store: {
        runRoot: '/run/store',
        graphDriverName: 'overlay',
        graphStatus: { 'Backing Filesystem': 'xfs' },
      },
      version: { Version: '5.4.2' },
    };
    const { engine, runRoot } = podmanFacts(info, { tun: true, swapLimit: false });
    expect(runRoot).toBe('/run/store');
    expect(engine).toMatchObject({
      ...{ version: '5.4.2', architecture: 'arm64', cgroupVersion: '2', processors: 4, kernel: [6, 1] },
      ...{ storageDriver: 'overlay', backingFilesystem: 'xfs', memoryLimit: true, swapLimit: false },
    });
  });
});
