import type { EngineDialect, NativeApi } from '@sandbox/docker-api';
import { LIBPOD } from '@sandbox/podman-client';

/** Its Docker-compatible API drops or cannot express part of what a sandbox is (owners of tmpfs, user namespaces, OCI runtimes, paths with commas), so containers and networks are made through its own. */
export function podmanDialect(createContainer: NativeApi['createContainer']): EngineDialect {
  return {
    runtime: 'podman',
    title: 'Podman',
    command: 'podman',
    unavailableHint:
      'install Podman so that it can be started here (`podman` on PATH), or start its socket: `systemctl --user start podman.socket`, as root without `--user`',
    permissionHint:
      'use Podman as the user whom this socket belongs to; without root rights, your own: `systemctl --user start podman.socket`',
    isolatedBridgeOptions: {},
    refusedInPaths: [],
    explicitNproc: true,
    listsEndedExecs: true,
    hidesOwners: true,
    networks: ({ rootless }) => (rootless ? 'engine' : 'own-bridge'),
    native: {
      createContainer,
      createNetwork: (name, labels) => ({
        path: `${LIBPOD}/networks/create`,
        // Without a name server on it, which would answer for other sandboxes too.
        body: { name, driver: 'bridge', dns_enabled: false, options: { isolate: 'true' }, labels },
      }),
      // Without a condition newer versions know the code also when the container is gone.
      waitPath: (id) => `${LIBPOD}/containers/${id}/wait?interval=20ms`,
      volumeExistsPath: (name) => `${LIBPOD}/volumes/${encodeURIComponent(name)}/exists`,
      inspectPath: (id) => `${LIBPOD}/containers/${encodeURIComponent(id)}/json`,
    },
  };
}
