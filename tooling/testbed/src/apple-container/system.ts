import type { Faults } from './faults.ts';
import { isAtLeast } from './release.ts';
import { compact } from './render.ts';
import type { Surroundings } from './surroundings.ts';

/** The commands that need no engine: each prints, and gives its exit code. */
export function systemCommands(
  faults: Faults,
  release: string,
  out: Surroundings['out'],
): Readonly<Record<string, () => number>> {
  const up = !faults.has('stopped');
  return {
    'system status': () => {
      out(`${compact(statusOf(up, release))}\n`);
      return up ? 0 : 1;
    },
    'system version': () => {
      const own = { appName: 'container', buildType: 'release', commit: '0190097', version: release };
      out(`${compact([own])}\n`);
      return 0;
    },
    'system start': () => 0,
    'system stop': () => 0,
  };
}

function statusOf(up: boolean, release: string): object {
  const version = `container-apiserver version ${release} (build: release, commit: 0190097)`;
  const places = { appRoot: '/Users/someone/Library/Application Support/com.apple.container/' };
  if (isAtLeast(release, '1.4.1')) {
    if (!up) return { status: 'unregistered' };
    return {
      status: 'running',
      client: { version: release },
      server: { version, appName: 'container-apiserver' },
      host: { os: 'macOS 26.1' },
      paths: { ...places, installRoot: '/usr/local/' },
      resources: {},
      defaults: {},
    };
  }
  return {
    status: up ? 'running' : 'unregistered',
    appRoot: up ? places.appRoot : '',
    installRoot: up ? '/usr/local/' : '',
    apiServerVersion: up ? version : '',
    apiServerCommit: up ? '0190097' : '',
    apiServerBuild: up ? 'release' : '',
    apiServerAppName: up ? 'container-apiserver' : '',
  };
}
