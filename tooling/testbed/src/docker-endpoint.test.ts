import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { dockerEndpoint, systemSocket } from './docker-endpoint.ts';

const directory = mkdtempSync(join(tmpdir(), 'docker-config-'));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function useContext(name: string, host: string) {
  const id = createHash('sha256').update(name).digest('hex');
  mkdirSync(join(directory, 'contexts', 'meta', id), { recursive: true });
  writeFileSync(join(directory, 'config.json'), JSON.stringify({ currentContext: name }));
  writeFileSync(
    join(directory, 'contexts', 'meta', id, 'meta.json'),
    JSON.stringify({ Endpoints: { docker: { Host: host } } }),
  );
}

it('is the system’s own when nothing chooses another', () => {
  expect(dockerEndpoint({ DOCKER_CONFIG: directory })).toEqual({
    url: `unix://${systemSocket}`,
    socketPath: systemSocket,
    chosenBy: undefined,
  });
});

it('goes by the current context, and by DOCKER_HOST before that', () => {
  useContext('mine', 'unix:///home/me/docker.sock');
  expect(dockerEndpoint({ DOCKER_CONFIG: directory })).toMatchObject({
    socketPath: '/home/me/docker.sock',
    chosenBy: 'the Docker context "mine"',
  });
  expect(dockerEndpoint({ DOCKER_CONFIG: directory, DOCKER_HOST: 'tcp://elsewhere:2376' })).toEqual({
    url: 'tcp://elsewhere:2376',
    socketPath: undefined,
    chosenBy: 'DOCKER_HOST',
  });
});
