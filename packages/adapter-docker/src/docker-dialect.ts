import type { EngineDialect } from '@sandbox/docker-api';

export const dockerDialect: EngineDialect = {
  runtime: 'docker',
  title: 'Docker',
  command: 'docker',
  unavailableHint:
    'start Docker (`sudo systemctl start docker`), or say where it answers with DOCKER_HOST or `docker context use`',
  permissionHint:
    'add yourself to the group `docker` (`sudo usermod -aG docker $USER`) and log in again, or use rootless Docker',
  isolatedBridgeOptions: { 'com.docker.network.bridge.enable_icc': 'false' },
  refusedInPaths: [],
  explicitNproc: false,
};
