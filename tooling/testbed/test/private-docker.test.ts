import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { createEngineApi } from '../src/engine-api.ts';
import { defaultImage } from '../src/image-recipes.ts';
import { canRunPrivateDocker, startPrivateDocker } from '../src/private-docker.ts';
import { identify } from '../src/process-record.ts';

it.runIf(canRunPrivateDocker())('starts dockerd again after a kill, and leaves nothing', async () => {
  const docker = await startPrivateDocker();
  const engine = createEngineApi(docker.socketPath);
  const first = docker.pid;
  try {
    expect(await engine.hasImage(defaultImage.name)).toBe(true);

    await docker.kill();
    await expect(engine.version()).rejects.toThrow();
    // The pid that the killed one left has meanwhile gone to somebody else.
    writeFileSync(join(dirname(docker.socketPath), 'docker.pid'), String(process.pid));
    await docker.start();
    expect(docker.pid).not.toBe(first);
    expect(await engine.hasImage(defaultImage.name)).toBe(true);

    docker.hang();
    await expect(engine.version({ timeoutMs: 200 })).rejects.toThrow(/aborted/);
    docker.resume();
    await engine.version();
  } finally {
    await docker[Symbol.asyncDispose]();
  }
  expect(identify(first)).toBeUndefined();
  expect(existsSync(dirname(docker.socketPath))).toBe(false);
});
