import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createAppleContainerAdapter } from '@sandbox/adapter-apple-container';
import { type AgentArtifact, agentArtifact, openSession } from '@sandbox/guest';
import { containerDouble } from '@sandbox/testbed/apple-container';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { here, sandboxSpec } from './apple-container-here.ts';

const UID = 1000;

/** On a Mac everybody is one. Elsewhere the double needs what its Docker asks of its users: the group of its socket. */
describe.runIf(here)('an ordinary user', () => {
  const directory = mkdtempSync(join(tmpdir(), 'apple-user-'));
  const workspace = join(directory, 'work');
  let agent: AgentArtifact;

  beforeAll(() => {
    // Of a checkout that this user may not be able to read.
    agent = agentArtifact();
    process.env.SANDBOX_STATE_DIR = join(directory, 'state');
    for (const path of [workspace, process.env.SANDBOX_STATE_DIR]) mkdirSync(path);
    cpSync(agent.path(process.arch === 'arm64' ? 'arm64' : 'amd64'), join(directory, 'agent'));
    if (process.platform === 'darwin' || process.getuid?.() !== 0) return;
    // Wherever the checkout is, these can be reached.
    const testbed = dirname(dirname(containerDouble));
    for (const part of ['package.json', 'bin', 'src'])
      cpSync(join(testbed, part), join(directory, 'testbed', part), { recursive: true });
    cpSync(process.execPath, join(directory, 'node'));
    process.env.APPLE_CONTAINER_PATH = join(directory, 'testbed/bin/container');
    process.env.PATH = `${directory}:${process.env.PATH}`;
    chmodSync(directory, 0o755);
    execFileSync('chown', ['-R', `${UID}:${UID}`, directory]);
    process.setgroups?.([statSync('/var/run/docker.sock').gid]);
    process.setgid?.(UID);
    process.setuid?.(UID);
  });

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('runs commands in a workspace that stays its own', async () => {
    const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
    const adapter = createAppleContainerAdapter();
    expect(await adapter.probe()).toMatchObject({ status: 'healthy', rootless: true });
    const spec = sandboxSpec({
      agent: { ...agent, path: () => join(directory, 'agent') },
      user: { uid, gid, allowRoot: false },
      mounts: [{ type: 'bind', source: workspace, target: '/workspace', readOnly: false }],
      workdir: '/workspace',
    });
    await adapter.create(spec);
    const session = await openSession(await adapter.start(spec.name, { attach: true }));
    const { exitCode } = await session.exec({ argv: ['sh', '-c', 'echo hi > file'] }).done;
    expect(exitCode).toBe(0);
    expect(readFileSync(join(workspace, 'file'), 'utf8')).toBe('hi\n');
    expect(statSync(join(workspace, 'file')).uid).toBe(uid);
    await session.close();
    await adapter.remove(spec.name);
  });
});
