import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createSandboxes, type RuntimeAdapter, type Sandboxes } from '@sandbox/core';
import { builtInLanguages, createCatalog, type Language } from '@sandbox/languages';
import { createServer, type SandboxServer } from '@sandbox/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scope } from './app.ts';
import { languageCli } from './language-cli.ts';
import { PROGRAMS } from './language-programs.ts';
import { TOOLS } from './language-tools.ts';
import { loadAdapter, namedRuntimes } from './runtimes.ts';

// What is built here is not the user's.
const catalog = createCatalog(
  builtInLanguages.languages.map(
    (language): Language =>
      language.recipe === undefined
        ? language
        : { ...language, image: language.image?.replace('sandbox-', 'sandbox-test-') },
  ),
);

const BASE = 'debian:trixie-slim';
/** Hundreds of packages for each, on a machine that does other things too. */
const BUILD_MS = 1_800_000;
const testbed = fileURLToPath(new URL('../../../tooling/testbed/bin/testbed.mjs', import.meta.url));

/** Those of SANDBOX_LANGUAGES: named, their images are built on Debian 13, for minutes, and have to work. */
const named = languagesNamed(process.env.SANDBOX_LANGUAGES ?? '');
const hasDocker = namedRuntimes.includes('docker');

function languagesNamed(text: string): string[] {
  const names = text.split(/[\s,]+/).filter(Boolean);
  const unknown = names.find((name) => name !== 'all' && PROGRAMS[name] === undefined);
  if (unknown !== undefined) throw new Error(`SANDBOX_LANGUAGES: Debian has no ${unknown}`);
  return names.includes('all') ? Object.keys(PROGRAMS) : names;
}

const cli = languageCli(catalog);

/** Authorities that this machine trusts besides the usual ones, as far as its environment says. */
function certificates(): readonly string[] {
  const names = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE'];
  const file = names.map((name) => process.env[name]).find((path) => path && existsSync(path));
  return file === undefined ? [] : ['--certificates', file];
}

describe.skipIf(!hasDocker || named.length === 0)('languages on docker', () => {
  let adapter: RuntimeAdapter;
  let sandboxes: Sandboxes;
  let server: SandboxServer;
  let url: string;

  beforeAll(async () => {
    await promisify(execFile)(process.execPath, [testbed, 'up', 'docker', '--with', 'debian-13']);
    // Kept from run to run, as all that is expensive: in a scope that is always the same, the same image.
    const words = ['images', 'build', '--json', '--runtime', 'docker', '--base', BASE];
    const built = await cli.run([...words, ...certificates(), ...named], { scope: 'test-images' });
    expect(built).toMatchObject({ exitCode: 0, stderr: '' });
    for (const { image, sizeBytes, durationMs } of built.json())
      console.log(`${image}: ${Math.round(sizeBytes / 1e6)} MB, built in ${Math.round(durationMs / 1e3)} s`);
    adapter = await loadAdapter('docker');
    sandboxes = createSandboxes({ adapter, scope });
    server = createServer({ sandboxes, languages: catalog, localUser: 'ann' });
    url = await server.listen({ port: 0 });
  }, BUILD_MS);

  afterAll(async () => {
    await server?.close();
    await sandboxes?.close();
  });

  // biome-ignore lint/suspicious/noExplicitAny: whatever the test expects
  async function post(route: string, body: unknown): Promise<any> {
    const response = await fetch(url + route, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return response.json();
  }

  describe.each(named)('%s', (id) => {
    const programs = PROGRAMS[id];
    if (programs === undefined) throw new Error(`no programs in ${id}`);
    const language = catalog.find(id);
    const route = (sandbox: string) => `/sandbox/${sandbox}/execute`;
    let sandbox: string;

    beforeAll(async () => {
      const files = Object.entries(Object.assign({}, ...(TOOLS[id] ?? []).map((tool) => tool.files)));
      const made = await post('/sandbox', {
        runtime: id,
        keep: true,
        files: files.map(([path, content]) => ({ path, content })),
      });
      expect(made).toMatchObject({ runtime: id, enforcement: { 'network-none': { status: 'enforced' } } });
      expect(made.enforcement['read-only-root'].status).toBe('enforced');
      sandbox = made.id;
    });

    const execute = (body: unknown) => post(route(sandbox), body);
    const ok = (stdout: string) => ({ ending: 'exited', exitCode: 0, stdout, stderr: '' });

    it(`is at least ${programs.atLeast}`, async () => {
      const [command, ...args] = language?.version ?? [];
      const { stdout } = await execute({ command, args });
      const version = /\d+(\.\d+)*/.exec(stdout)?.[0] ?? '0';
      console.log(`${id}: ${stdout.split('\n')[0]}`);
      expect(version.localeCompare(programs.atLeast, 'en', { numeric: true })).toBeGreaterThanOrEqual(0);
    });

    it('says hello, as an ordinary user', async () => {
      expect(await execute({ code: programs.hello })).toMatchObject(ok('hello\n'));
      expect(await execute({ command: 'id', args: ['-u'] })).toMatchObject(ok('1000\n'));
    });

    it('reads stdin', async () => {
      expect(await execute({ code: programs.stdin, stdin: 'one\ntwo' })).toMatchObject(ok('ONE\nTWO'));
    });

    it('gets arguments', async () => {
      const args = ['a b', '$(id)', '', '-x', '"'];
      expect(await execute({ code: programs.args, args })).toMatchObject(ok('a b|$(id)||-x|"\n'));
    });

    it('ends with exit code 3', async () => {
      expect(await execute({ code: programs.exit3 })).toMatchObject({ ending: 'exited', exitCode: 3 });
    });

    it('ends with an uncaught error', async () => {
      const { ending, exitCode, stdout, stderr } = await execute({ code: programs.uncaught });
      expect({ ending, stdout }).toEqual({ ending: 'exited', stdout: '' });
      expect(exitCode).not.toBe(0);
      expect(stderr).toContain('boom');
    });

    it('knows all characters', async () => {
      expect(await execute({ code: programs.unicode })).toMatchObject(ok('héllo 世界 🎉\n'));
    });

    it('finds a second file', async () => {
      const { path, content, code } = programs.second;
      const files = [{ path, content }];
      const made = await post('/sandbox', { runtime: id, code, files });
      expect(await post(route(made.id), {})).toMatchObject(ok('HI\n'));
    });

    it('prints 50 MiB', async () => {
      const words = ['code', '--runtime', 'docker', '--language', id];
      const { exitCode, bytes, stderr } = await cli.run(words, { input: programs.flood });
      expect({ exitCode, bytes, stderr }).toEqual({ exitCode: 0, bytes: 50 * 2 ** 20, stderr: '' });
    });

    it.each(TOOLS[id] ?? [])('$name', async (tool) => {
      const { cwd, exitCode = 0, prints, afterwards } = tool;
      const [command, ...args] = tool.command;
      const result = await execute({ command, args, cwd });
      expect(result.stdout + result.stderr).toMatch(prints);
      expect(result).toMatchObject({ ending: 'exited', exitCode });
      if (afterwards === undefined) return;
      const [next, ...nextArgs] = afterwards;
      expect(await execute({ command: next, args: nextArgs })).toMatchObject({
        ending: 'exited',
        exitCode: 0,
      });
    });
  });
});
