import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSandboxes, type ImageInfo, type RuntimeAdapter } from '@sandbox/core';
import { containerDouble } from '@sandbox/testbed/apple-container';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { scope, startApp, state } from './app.ts';
import { loadAdapter, namedRuntimes } from './runtimes.ts';

const named = (process.env.SANDBOX_RUNTIMES ?? '').split(/[\s,]+/);
const withImages = ['docker', 'podman', 'apple-container'].filter((runtime) => named.includes(runtime));
// Off a Mac it is played by the testbed's double.
if (named.includes('apple-container')) process.env.APPLE_CONTAINER_PATH ??= containerDouble;

/** As small as a list can be, and another one for each runtime: one of them has the images of another. */
const SMALL: Readonly<Record<string, string>> = { docker: 'nano', podman: 'nano', 'apple-container': 'ed' };

let base: string;
beforeAll(() => {
  base = mkdtempSync(path.join(tmpdir(), 'sandbox-tools-'));
  chmodSync(base, 0o755);
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

let count = 0;
const another = (name: string) => {
  count += 1;
  return `${name}-${count}`;
};
/** A directory of an ordinary user's, whoever runs the tests. */
function workspaceOf(): string {
  const directory = path.join(base, another('work'));
  mkdirSync(directory);
  if (process.getuid?.() === 0) chownSync(directory, 1000, 1000);
  return directory;
}

/** A configuration with these tools; returns the environment with it. */
function configured(tools: boolean | readonly string[]): NodeJS.ProcessEnv {
  const file = path.join(state, another('sandbox.toml'));
  writeFileSync(file, `[sandbox]\ntools = ${JSON.stringify(tools)}\n`);
  return { SANDBOX_CONFIG: file };
}

type Options = { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv };
async function app(words: readonly string[], options: Options = {}) {
  const { exitCode, stdout, stderr } = await startApp(words, { input: '', ...options }).result;
  return { exitCode, stdout: stdout.toString(), stderr };
}

/** Of this file. */
async function layers(adapter: RuntimeAdapter): Promise<readonly ImageInfo[]> {
  return (await adapter.images?.list({ 'dev.sandbox.managed': 'true', 'dev.sandbox.scope': scope })) ?? [];
}

describe.each(withImages)('on %s', (runtime) => {
  let adapter: RuntimeAdapter;
  let workspace: string;
  beforeAll(async () => {
    adapter = await loadAdapter(runtime);
  });
  beforeEach(() => {
    workspace = workspaceOf();
  });
  afterEach(async () => {
    const sandboxes = JSON.parse((await app(['ls', '--json', '--runtime', runtime])).stdout) as {
      name: string;
    }[];
    for (const { name } of sandboxes) await app(['rm', '-f', '--runtime', runtime, name]);
  });
  afterAll(async () => {
    expect(await app(['uninstall', '--yes', '--runtime', runtime])).toMatchObject({ exitCode: 0 });
    expect(await layers(adapter)).toEqual([]);
    await adapter.close();
  });

  const small = SMALL[runtime] ?? '';
  const exec = (words: readonly string[], env: NodeJS.ProcessEnv, cwd = workspace) =>
    app(['exec', '--runtime', runtime, ...words], { cwd, env });

  it('two programs that need the same layer get one, and so does every later sandbox', async () => {
    const env = configured([small]);
    const where = ['--', 'sh', '-c', `command -v ${small}`];
    const both = await Promise.all([exec(where, env), exec(where, env, workspaceOf())]);
    for (const one of both) expect(one).toMatchObject({ exitCode: 0, stdout: `/usr/bin/${small}\n` });
    const [first, second] = both.map(({ stderr }) => stderr).sort();
    expect(first).toContain('installing development tools on debian:bookworm-slim');
    expect(second).not.toContain('installing development tools on');
    expect(second).toContain('waiting for another program that installs development tools');
    const built = (await layers(adapter)).filter(({ tags }) => tags.length > 0);
    expect(built.map(({ tags }) => tags[0])).toEqual([expect.stringMatching(/sandbox-tools:[0-9a-f]{24}$/)]);
    const third = await exec(where, env, workspaceOf());
    expect(third).toMatchObject({ exitCode: 0, stdout: `/usr/bin/${small}\n` });
    expect(third.stderr).not.toContain('installing');
    const df = JSON.parse((await app(['df', '--json', '--runtime', runtime])).stdout) as {
      name: string;
      inUse?: boolean;
    }[];
    expect(df.filter(({ name }) => name.includes('sandbox-tools:'))).toEqual([
      expect.objectContaining({ kind: 'image', inUse: true, built: true }),
    ]);
  }, 300_000);

  it('what cannot be installed is told, and the next sandbox has it where it can be', async () => {
    const wrong = await exec(['--', 'echo', 'ran'], configured(['no-such-package']));
    expect(wrong).toMatchObject({ exitCode: 0, stdout: 'ran\n' });
    expect(wrong.stderr).toMatch(
      /warning: there are no development tools in it: they could not be installed on /,
    );
    // The double of a builder prints nothing.
    if (runtime !== 'apple-container')
      expect(wrong.stderr).toMatch(/: Unable to locate package no-such-package\n/);
    const env = configured([small]);
    const kept = await exec(['--', 'sh', '-c', `command -v ${small}`], env);
    expect(kept).toMatchObject({ exitCode: 127, stdout: '' });
    expect(kept.stderr).toMatch(
      /warning: .* keeps what it was made with: it has no \w+; `--recreate` changes it/,
    );
    const again = await exec(['--recreate', '--', 'sh', '-c', `command -v ${small}`], env);
    expect(again).toMatchObject({ exitCode: 0, stdout: `/usr/bin/${small}\n` });
    expect(again.stderr).not.toContain('there are no development tools');
  }, 300_000);

  it('none are there for those who want none, and nobody is told', async () => {
    const without = await exec(['--no-tools', '--', 'sh', '-c', `command -v ${small}`], configured([small]));
    expect(without).toMatchObject({ exitCode: 127, stdout: '' });
    expect(without.stderr).not.toContain('tools');
    // A default is no wish.
    expect((await exec(['--', 'true'], configured(true))).stderr).toBe('');
    const asked = await exec(['--tools', '--', 'true'], configured(false));
    expect(asked.stderr).toMatch(/it has no build-essential, curl, git, .*`--recreate`/);
  });

  it('an image without a package manager is told', async () => {
    const image = `sandbox-without-${scope}`;
    const context = dockerfile('FROM debian:bookworm-slim\nRUN ["rm", "/usr/bin/apt-get"]\n');
    const labels = { 'dev.sandbox.managed': 'true', 'dev.sandbox.scope': scope };
    await adapter.images?.build({ tag: image, context, labels });
    const { exitCode, stderr } = await exec(['--image', image, '--', 'true'], configured([small]));
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(
      /warning: there are no development tools in it: .* none of the package managers apt, apk, dnf/,
    );
  });

  it('one program installs once, and goes on for those who still want it', async () => {
    const own = await loadAdapter(runtime);
    if (own.images === undefined) throw new Error(`${runtime} has no images`);
    const build = vi.spyOn(own.images, 'build');
    await using sandboxes = createSandboxes({ adapter: own, scope, tools: [small, 'file'] });
    const giveUp = new AbortController();
    const first = sandboxes.open({ workspace, signal: giveUp.signal });
    await expect.poll(() => build.mock.calls.length, { timeout: 60_000 }).toBe(1);
    const second = sandboxes.open({ workspace: workspaceOf() });
    const third = sandboxes.open({ workspace: workspaceOf() });
    giveUp.abort();
    await expect(first).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    for (const box of await Promise.all([second, third]))
      expect((await box.exec(['sh', '-c', 'command -v file'])).stdout).toBe('/usr/bin/file\n');
    expect(build).toHaveBeenCalledTimes(2);
  }, 300_000);

  it('installing ends with who wants it, and leaves nothing', async () => {
    const started = startApp(['exec', '--runtime', runtime, '--', 'echo', 'ran'], {
      ...{ cwd: workspace, input: '' },
      env: configured([small, 'cowsay']),
    });
    await started.shows('installing development tools');
    started.child.kill('SIGINT');
    const { exitCode, stdout } = await started.result;
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 130, stdout: '' });
    expect(
      (await layers(adapter)).filter(({ labels }) => labels['dev.sandbox.tools']?.includes('cowsay')),
    ).toEqual([]);
    expect(JSON.parse((await app(['ls', '--json', '--runtime', runtime])).stdout)).toEqual([]);
  });

  it('nobody but its own user finds what that user has installed', async () => {
    const script =
      'mkdir -p ~/.local/bin && printf "#!/bin/sh\\necho planted\\n" > ~/.local/bin/id && chmod +x ~/.local/bin/id';
    const words = ['--no-tools', '--allow-root', '--', 'sh', '-c', script];
    expect(await exec(words, {})).toMatchObject({ exitCode: 0 });
    const id = (...user: string[]) => exec([...user, '--', 'sh', '-c', 'id -u'], {});
    expect((await id()).stdout).toBe('planted\n');
    expect((await id('--user', 'root')).stdout).toBe('0\n');
    expect(ownersOf(workspace)).toEqual([]);
  });
});

describe.skipIf(!namedRuntimes.includes('nsjail'))('on nsjail', () => {
  it('there is what the host has, and what it lacks is told once', async () => {
    const cwd = workspaceOf();
    const env = { ...configured(['sh', 'no-such-tool']), SANDBOX_STATE_DIR: path.join(base, 'nsjail') };
    chmodSync(state, 0o711);
    const exec = (...words: string[]) =>
      app(['exec', '--runtime', 'nsjail', ...words, '--', 'true'], { cwd, env });
    const made = await exec();
    expect(made).toMatchObject({ exitCode: 0 });
    expect(made.stderr).toContain('it has what this host has, without no-such-tool; install them there');
    expect((await exec()).stderr).toMatch(/keeps what it was made with: it has no no-such-tool; /);
    const ephemeral = await exec('--ephemeral');
    expect(ephemeral.stderr).toContain('no development tools in an ephemeral sandbox');
    expect(await app(['uninstall', '--yes', '--runtime', 'nsjail'], { env })).toMatchObject({ exitCode: 0 });
  });
});

/** The context of a build. */
function dockerfile(text: string): Uint8Array {
  const place = path.join(base, another('context'));
  mkdirSync(place);
  writeFileSync(path.join(place, 'Dockerfile'), text);
  return execFileSync('tar', ['-C', place, '-c', 'Dockerfile']);
}

/** Whom all that is in a directory belongs to. */
function ownersOf(directory: string): readonly number[] {
  const names = readdirSync(directory, { recursive: true });
  return [...new Set(names.map((name) => lstatSync(path.join(directory, String(name))).uid))];
}
