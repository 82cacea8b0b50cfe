import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { createDockerAdapter } from '@sandbox/adapter-docker';
import { createSandboxes, LABEL } from '@sandbox/core';
import { canRunPrivateDocker, type PrivateDocker, startPrivateDocker } from '@sandbox/testbed/private-docker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dockerIsNamed, startApp } from './app.ts';

describe.skipIf(!dockerIsNamed || !canRunPrivateDocker())('an engine of its own', () => {
  let engine: PrivateDocker;
  let directory: string;
  let workspace: string;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'sandbox-engine-'));
    workspace = path.join(directory, 'work');
    mkdirSync(workspace);
    chownSync(workspace, 1000, 1000);
    engine = await startPrivateDocker();
    env = {
      ...{ DOCKER_HOST: `unix://${engine.socketPath}`, SANDBOX_SCOPE: '' },
      SANDBOX_STATE_DIR: path.join(directory, 'state'),
    };
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const app = async (words: readonly string[]) => {
    const { exitCode, stdout, stderr } = await startApp(words, { env, input: '' }).result;
    return { exitCode, stdout: stdout.toString(), stderr };
  };
  const exec = (script: string) =>
    app([
      'exec',
      '--runtime',
      'docker',
      '--workspace',
      workspace,
      '--memory',
      '256m',
      '--',
      'sh',
      '-c',
      script,
    ]);
  const open = () => createSandboxes({ adapter: createDockerAdapter({ socketPath: engine.socketPath }) });

  it('has its long-lived sandboxes when it comes back, for programs that held them too', async () => {
    const install =
      'mkdir -p ~/.local/bin; cd ~/.local/bin; echo "#!/bin/sh\necho the tool runs" > tool; chmod 755 tool';
    expect(await exec(`${install}; echo kept > ~/kept; echo kept > /var/tmp/kept`)).toMatchObject({
      exitCode: 0,
    });
    await using sandboxes = open();
    const [{ name = '' } = {}] = await sandboxes.list();
    const held = await sandboxes.get(name);
    expect((await held.exec(['cat', 'kept'], { cwd: '/home/sandbox' })).stdout).toBe('kept\n');
    await engine.kill();
    await engine.start();
    expect((await held.exec(['cat', '/var/tmp/kept'])).stdout).toBe('kept\n');
    await engine.kill();
    await engine.start();
    // By a program that is new, as the engine is.
    expect(await exec('tool; cat ~/kept /var/tmp/kept')).toMatchObject({
      ...{ exitCode: 0, stdout: 'the tool runs\nkept\nkept\n' },
    });
    expect(await sandboxes.list()).toHaveLength(1);
  });

  /** What carries our label, as the engine tells it. */
  async function labelled(): Promise<string[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [`${LABEL.managed}=true`] }));
    const kinds = ['containers/json?all=1&', 'volumes?', 'networks?', 'images/json?all=1&'];
    const answers = await Promise.all(kinds.map((kind) => get(`/${kind}filters=${filters}`)));
    return answers.flatMap((answer, index) => {
      const items = Array.isArray(answer) ? answer : (answer.Volumes ?? []);
      return items.map((item) => `${kinds[index]} ${item.Name ?? item.Id}`);
    });
  }
  type Item = { Name?: string; Id?: string };
  async function get(place: string): Promise<Item[] | { Volumes?: Item[] }> {
    const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      request({ socketPath: engine.socketPath, path: place }, resolve).on('error', reject).end();
    });
    return JSON.parse((await buffer(response)).toString());
  }

  /** As the tools of long-lived sandboxes are built. */
  async function build(tag: string): Promise<void> {
    const place = path.join(directory, tag);
    mkdirSync(place);
    writeFileSync(path.join(place, 'Dockerfile'), `FROM debian:bookworm-slim\nENV LAYER=${tag}\n`);
    const context = execFileSync('tar', ['-C', place, '-c', 'Dockerfile']);
    const adapter = createDockerAdapter({ socketPath: engine.socketPath });
    await adapter.images?.build({ tag, context, labels: { [LABEL.managed]: 'true' } });
    await adapter.close();
  }

  it('loses layers that no sandbox uses, and no others', async () => {
    await build('sandbox-layer-used');
    await build('sandbox-layer-unused');
    await using sandboxes = open();
    const box = await sandboxes.create({ image: 'sandbox-layer-used', policy: { memoryBytes: 2 ** 28 } });
    expect(await app(['prune', '--runtime', 'docker'])).toMatchObject({ stdout: 'nothing to remove\n' });
    const later = createSandboxes({
      adapter: createDockerAdapter({ socketPath: engine.socketPath }),
      clock: () => ({ now: new Date(Date.now() + 3_600_000), boot: { bootId: 'b', elapsedMs: 1 } }),
    });
    const names = (list: readonly { name: string }[]) => list.map(({ name }) => name);
    expect(names((await later.prune({ dryRun: true })).removed)).toEqual(['sandbox-layer-unused:latest']);
    const { removed, kept, failed } = await later.prune();
    expect([names(removed), names(kept), failed]).toEqual([
      ['sandbox-layer-unused:latest'],
      ['sandbox-layer-used:latest'],
      [],
    ]);
    await later.close();
    await box.remove();
  });

  it('has nothing of ours left after uninstall', async () => {
    await exec('true');
    await build('sandbox-layer-left');
    expect((await labelled()).length).toBeGreaterThan(4);
    const df = JSON.parse((await app(['df', '--json', '--runtime', 'docker'])).stdout) as { kind: string }[];
    expect([...new Set(df.map(({ kind }) => kind))].sort()).toEqual([
      'history',
      'image',
      'registry',
      'sandbox',
      'volume',
    ]);
    const { exitCode, stdout, stderr } = await app(['uninstall', '--yes', '--runtime', 'docker', '--json']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ left: [] });
    expect(await labelled()).toEqual([]);
    expect(await app(['ls', '--runtime', 'docker'])).toMatchObject({ exitCode: 0, stdout: 'no sandboxes\n' });
    // What was only pulled is somebody else's too.
    expect(await exec('echo again')).toMatchObject({ exitCode: 0, stdout: 'again\n' });
    await app(['uninstall', '--yes', '--runtime', 'docker']);
    expect(await labelled()).toEqual([]);
  });
});
