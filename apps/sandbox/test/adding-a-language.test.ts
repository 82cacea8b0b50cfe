import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createCatalog, type Language } from '@sandbox/languages';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { scope } from './app.ts';
import { languageCli } from './language-cli.ts';
import { loadAdapter, namedRuntimes } from './runtimes.ts';

const readme = readFileSync(new URL('../../../packages/languages/README.md', import.meta.url), 'utf8');

/** Builds with a network, for seconds. */
const BUILD_MS = 300_000;

describe.skipIf(!namedRuntimes.includes('docker'))('the page on adding a language', () => {
  let root: string;
  let cli: ReturnType<typeof languageCli>;
  let image: string;

  // Followed to the letter, but that the image has another name than the user's would.
  beforeAll(async () => {
    root = mkdtempSync(fileURLToPath(new URL('../dist/adding-', import.meta.url)));
    const blocks = [...readme.matchAll(/<!-- file: ([\w/.-]+).*? -->\n```\w+\n(.*?)```/gs)];
    expect(blocks.map(([, file]) => file)).toEqual(['lua/lua.ts', 'lua/image/Dockerfile', 'program.ts']);
    for (const [, file = '', text = ''] of blocks) {
      mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
      writeFileSync(path.join(root, file), text);
    }
    const { lua } = (await import(pathToFileURL(path.join(root, 'lua/lua.ts')).href)) as { lua: Language };
    image = `sandbox-test-lua-${path.basename(root).toLowerCase()}:latest`;
    const broken = {
      ...{ ...lua, id: 'broken', image: 'sandbox-test-broken:latest' },
      recipe: pathToFileURL(path.join(root, 'broken/')),
    };
    mkdirSync(broken.recipe);
    writeFileSync(new URL('Dockerfile', broken.recipe), 'ARG BASE=registry.invalid/none:1\nFROM ${BASE}\n');
    cli = languageCli(createCatalog([{ ...lua, image }, broken]));
  });
  afterAll(async () => {
    rmSync(root, { recursive: true, force: true });
    const adapter = await loadAdapter('docker');
    // The one that lost its name to the next one, too.
    for (const { id } of (await adapter.images?.list({ 'dev.sandbox.scope': scope })) ?? [])
      await adapter.images?.remove(id);
    await adapter.close();
  });

  const docker = ['--runtime', 'docker'];
  const code = (text: string, ...words: string[]) =>
    cli.run(['code', ...docker, '--language', 'lua', ...words], { input: text });

  it('has a program that gives a command line', async () => {
    const { cli: made } = await import(pathToFileURL(path.join(root, 'program.ts')).href);
    expect(made).toMatchObject({ run: expect.any(Function) });
  });

  it('says how to build it first', async () => {
    expect(await code('print(1)')).toMatchObject({
      exitCode: 125,
      stderr: expect.stringContaining(
        'hint: Build it once, for all sandboxes: `sandbox images build lua --runtime docker`',
      ),
    });
  });

  it(
    'is made ready by the service, and runs',
    async () => {
      const config = path.join(root, 'sandbox.toml');
      writeFileSync(config, '[server]\nprepull = "all"\n');
      const serving = cli.start(['serve', '--port', '0', '--json', ...docker, '--config', config]);
      await once(serving.stdout, 'text');
      const { url } = JSON.parse(serving.text());
      const health = async () => (await fetch(`${url}/health`)).json();
      expect(await health()).toMatchObject({
        status: 'ok',
        images: { [image]: expect.stringMatching(/^(missing|pulling|ready)$/) },
      });
      await vi.waitFor(async () => expect(await health()).toMatchObject({ images: { [image]: 'ready' } }), {
        timeout: BUILD_MS,
        interval: 200,
      });
      await vi.waitFor(async () =>
        expect(await health()).toMatchObject({ images: { 'sandbox-test-broken:latest': 'failed' } }),
      );
      serving.signals.emit('SIGTERM', 'SIGTERM');
      expect(await serving.ended).toMatchObject({
        exitCode: 0,
        stderr: expect.stringContaining(
          'the image sandbox-test-broken:latest is not ready, and is tried again: ',
        ),
      });
      const prepared = await cli.run(['prepare', ...docker, '--config', config, '--json']);
      expect(prepared.exitCode).toBe(125);
      expect(prepared.json().images).toEqual({ [image]: 'ready', 'sandbox-test-broken:latest': 'failed' });
      expect(await cli.run(['prepare', 'lua', ...docker])).toMatchObject({ exitCode: 0, stderr: '' });

      expect(await code('print(table.concat({...}, "|"))', '-', 'a b', '$(c)')).toMatchObject({
        ...{ exitCode: 0, stdout: 'a b|$(c)\n' },
        // The page says nothing of checks.
        stderr:
          'sandbox: warning: main.lua: only secrets were looked for: there are no checks for "lua" [incomplete/language]\n',
      });
      expect((await cli.run(['images', 'ls', ...docker, '--json'])).json()).toMatchObject([
        { image, languages: ['lua'], state: 'ready', base: 'debian:bookworm-slim' },
        { languages: ['broken'], state: 'missing', base: null },
      ]);
      expect((await cli.run(['prune', '--dry-run', ...docker, '--json'])).json()).toMatchObject({
        removed: [],
        kept: expect.arrayContaining([expect.objectContaining({ name: image, reason: 'what lua runs in' })]),
      });
    },
    BUILD_MS,
  );

  it(
    'is outdated when its recipe changes, and built again',
    async () => {
      const dockerfile = path.join(root, 'lua/image/Dockerfile');
      writeFileSync(dockerfile, `${readFileSync(dockerfile, 'utf8')}ENV CHANGED=yes\n`);
      const [before] = (await cli.run(['images', 'ls', ...docker, '--json'])).json();
      expect(before.state).toBe('outdated');
      expect(await cli.run(['images', 'build', 'lua', ...docker])).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining(image),
        stderr: expect.stringContaining('RUN apt-get update'),
      });
      expect(await code('print(os.getenv("CHANGED"))')).toMatchObject({ exitCode: 0, stdout: 'yes\n' });
    },
    BUILD_MS,
  );
});
