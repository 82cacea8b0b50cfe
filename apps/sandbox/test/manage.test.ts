import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDockerAdapter } from '@sandbox/adapter-docker';
import { createSandboxes, type Sandboxes } from '@sandbox/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dockerIsNamed, left, scope, start, startApp } from './app.ts';

const sandbox = async (...words: string[]) => {
  const { exitCode, stdout, stderr } = await startApp(words, { input: '' }).result;
  return { exitCode, stdout: stdout.toString(), stderr };
};

describe.skipIf(!dockerIsNamed)('sandboxes that stay', () => {
  let sandboxes: Sandboxes;
  let workspace: string;
  let name: string;
  beforeAll(async () => {
    workspace = mkdtempSync(path.join(tmpdir(), 'sandbox-manage-'));
    if (process.getuid?.() === 0) chownSync(workspace, 1000, 1000);
    sandboxes = createSandboxes({ adapter: createDockerAdapter(), scope, tools: false });
    ({ name } = await sandboxes.open({ workspace, policy: { memoryBytes: 128 * 2 ** 20 } }));
  });
  afterAll(async () => {
    // In case that a test failed before it was removed.
    await sandboxes.get(name).then(
      (box) => box.remove(),
      () => {},
    );
    await sandboxes.close();
    rmSync(workspace, { recursive: true });
    expect(await left()).toEqual([]);
  });

  it('are listed', async () => {
    // A program that keeps no registry has made it.
    const first = await sandbox('ls');
    expect(first.stderr).toBe(
      'sandbox: warning: one sandbox was not in the registry, and counts as used now\n',
    );
    const { exitCode, stdout, stderr } = await sandbox('ls');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^NAME +RUNTIME +STATE +LIFECYCLE +OWNER +AGE +IDLE +SIZE +WORKSPACE$/m);
    expect(stdout).toMatch(new RegExp(`^${name} +docker +running +long-lived +\\S.* +${workspace}$`, 'm'));
    const json = await sandbox('ls', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject([
      { name, runtime: 'docker', state: 'running', lifecycle: 'long-lived', workspace },
    ]);
  });

  it('are described, with what is enforced in them', async () => {
    const { exitCode, stdout, stderr } = await sandbox('inspect', name);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^name +${name}$`, 'm'));
    // As the engine says now, and not as it was planned.
    expect(stdout).toMatch(/^memory +128 MiB +128 MiB +(enforced|limited) .* inspect HostConfig\.Memory/m);
    expect(stdout).not.toContain('not read back');
    const json = await sandbox('inspect', '--json', name);
    expect(JSON.parse(json.stdout)).toMatchObject({
      name,
      state: 'running',
      enforcement: { memory: { effective: 128 * 2 ** 20 }, 'no-new-privileges': { status: 'enforced' } },
    });
    expect(JSON.parse(json.stdout)).not.toHaveProperty('readback');
  });

  it('are not touched by a run', async () => {
    await sandbox('run', '--', 'true');
    expect(await left()).toEqual([name]);
  });

  it.each([[['inspect']], [['rm']]])('%j of one that is not there says so', async (words) => {
    const { exitCode, stdout, stderr } = await sandbox(...words, 'sandbox-nothing-000000000000');
    expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: '' });
    expect(stderr).toMatch(/^sandbox: .*sandbox-nothing-000000000000.*\nhint: .*sandbox ls/);
  });

  it('rm -f of one that is not there is a success', async () => {
    expect(await sandbox('rm', '-f', 'sandbox-nothing-000000000000')).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
  });

  it('are removed, and what could not be is told', async () => {
    const missing = 'sandbox-nothing-000000000000';
    const { exitCode, stdout } = await sandbox('rm', '--json', missing, name);
    expect(exitCode).toBe(125);
    expect(JSON.parse(stdout)).toMatchObject({
      removed: [name],
      failed: [{ name: missing, error: { code: 'NOT_FOUND' } }],
    });
    expect(await left()).toEqual([]);
    expect(await sandbox('ls')).toEqual({ exitCode: 0, stdout: 'no sandboxes\n', stderr: '' });
    expect((await sandbox('ls', '--json')).stdout).toBe('[]\n');
  });
});

describe.skipIf(!dockerIsNamed)('what a program left that was killed between create and start', () => {
  it.each([[['ls']], [['run', '--', 'true']]])('is removed by the next %j', async (words) => {
    const program = fileURLToPath(new URL('killed-between.ts', import.meta.url));
    expect(await start([process.execPath, program], { input: '' }).result).toMatchObject({
      signal: 'SIGKILL',
    });
    expect(await left()).toHaveLength(1);
    expect(await sandbox(...words)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await left()).toEqual([]);
  });
});

describe.skipIf(!dockerIsNamed)('sandbox doctor', () => {
  it('finds Docker, and what it enforces', async () => {
    const { exitCode, stdout, stderr } = await sandbox('doctor');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^✔ docker \d+\.\S+: /m);
    expect(stdout).toMatch(/^memory +enforced +\S/m);
  });
});

describe.skipIf(!dockerIsNamed)('an engine that is not there', () => {
  const env = { DOCKER_HOST: 'unix:///no/such.sock' };
  it('is what doctor finds, with how to mend it', async () => {
    const { exitCode, stdout } = await startApp(['doctor', '--runtime', 'docker'], { input: '', env }).result;
    expect(exitCode).toBe(1);
    expect(stdout.toString()).toMatch(/^– docker: .*\/no\/such\.sock.*\n.*\n? {2}to mend it: \S/m);
  });
  it.each([[['pull', 'debian:bookworm-slim']], [['inspect', 'sandbox-x']], [['rm', 'sandbox-x']]])(
    'is why %j fails',
    async (words) => {
      const { exitCode, stderr } = await startApp([...words, '--runtime', 'docker'], { input: '', env })
        .result;
      expect(exitCode).toBe(125);
      expect(stderr).toMatch(/^sandbox: .*\/no\/such\.sock/);
      const json = await startApp([...words, '--runtime', 'docker', '--json'], { input: '', env }).result;
      expect(json.exitCode).toBe(125);
      expect(json.stdout.toString()).toContain('"UNAVAILABLE"');
    },
  );
});
