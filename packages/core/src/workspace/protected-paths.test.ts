import fc from 'fast-check';
import { expect, test } from 'vitest';
import { builtInProtectedPaths, refuseWorkspace } from './protected-paths.ts';

const builtIn = builtInProtectedPaths({}, '/home/ann');

test.each([
  ['/', 'whole file system'],
  ['/proc', 'kernel'],
  ['/proc/1/root', 'kernel'],
  ['/sys/fs/cgroup', 'kernel'],
  ['/dev/shm', 'kernel'],
  ['/run', 'sockets'],
  ['/run/user/1000', 'sockets'],
  ['/var', 'contains /var/run'],
  ['/home', 'contains'],
  ['/home/ann', 'contains'],
  ['/home/ann/.config', 'state and configuration'],
  ['/home/ann/.config/sandbox', 'state and configuration'],
  ['/home/ann/.local/state/sandbox/x', 'state and configuration'],
  ['/home/ann/.docker', 'sockets'],
  ['/etc', 'contains /etc/sandbox'],
  ['/var/lib', 'contains /var/lib/sandbox'],
])('%s is refused', (path, reason) => {
  expect(refuseWorkspace(path, builtIn)).toContain(reason);
});

test.each([
  '/home/ann/work',
  '/home/bob',
  '/srv/web',
  '/tmp/x',
  '/runner',
  '/process',
  '/home/ann/.config/sandboxes',
  '/var/www',
])('%s may be used', (path) => {
  expect(refuseWorkspace(path, builtIn)).toBeNull();
});

test.each([
  [{ DOCKER_HOST: 'unix:///srv/docker/docker.sock' }, '/srv/docker', true],
  [{ DOCKER_HOST: 'unix:///srv/docker/docker.sock' }, '/srv', true],
  [{ DOCKER_HOST: 'unix:///srv/docker/docker.sock' }, '/srv/web', false],
  [{ DOCKER_HOST: 'unix:///tmp/docker.sock' }, '/tmp', true],
  [{ DOCKER_HOST: 'unix:///tmp/docker.sock' }, '/tmp/work', false],
  [{ DOCKER_HOST: 'tcp://10.0.0.1:2375' }, '/tmp', false],
  [{ CONTAINER_HOST: 'unix:///opt/podman/podman.sock' }, '/opt/podman/x', true],
  [{ XDG_RUNTIME_DIR: '/srv/runtime' }, '/srv/runtime/x', true],
  [{ XDG_STATE_HOME: '/srv/state' }, '/srv/state', true],
  [{ XDG_STATE_HOME: '/srv/state' }, '/srv/state/other', false],
  [{ XDG_CONFIG_HOME: '/srv/config' }, '/srv/config/sandbox', true],
  [{ SANDBOX_CONFIG: '/srv/web/sandbox.toml' }, '/srv/web', true],
  [{ SANDBOX_CONFIG: '/srv/web/sandbox.toml' }, '/srv/web/src', false],
])('with %j, is %s refused: %s', (env, path, refused) => {
  expect(refuseWorkspace(path, builtInProtectedPaths(env, '/home/ann')) !== null).toBe(refused);
});

test('whatever is protected: neither it, nor what contains it, nor what lies in it', () => {
  const part = fc.stringMatching(/^[a-z]{1,3}$/);
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
  fc.assert(
    fc.property(path, path, (protectedPath, workspace) => {
      const related =
        `${workspace}/`.startsWith(`${protectedPath}/`) || `${protectedPath}/`.startsWith(`${workspace}/`);
      expect(refuseWorkspace(workspace, [{ path: protectedPath, what: 'secret' }]) !== null).toBe(related);
    }),
  );
});
