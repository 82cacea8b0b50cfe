import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
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

    await docker.kill();
    // Its containerd is on its way out, which takes long on a busy machine.
    const containerd = join(dirname(docker.socketPath), 'containerd');
    copyFileSync('/bin/sleep', containerd);
    const ending = spawn(containerd, ['3'], { stdio: 'ignore' });
    const pidFile = join(dirname(docker.socketPath), 'exec', 'containerd', 'containerd.pid');
    writeFileSync(pidFile, String(ending.pid));
    await docker.start();
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
