import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { repository } from './tarballs.ts';

const run = promisify(execFile);
const workflow = readFileSync(path.join(repository, '.github/workflows/release.yml'), 'utf8');

/** What the step that publishes has in its environment; a secret's value is its name. */
function environment(): Record<string, string> {
  const [, block = ''] = /\n {8}env:\n((?: {10}.*\n?)+)/.exec(workflow) ?? [];
  const lines = [...block.matchAll(/^ {10}(\w+): "?(.*?)"?$/gm)];
  return Object.fromEntries(
    lines.map(([, name = '', value = '']) => [name, value.replace(/\$\{\{ secrets\.(\w+) \}\}/, '$1')]),
  );
}

/** Publishes to a registry of ours, from where setup-node has put its settings; gives the tokens that were sent. */
async function publish(env: Record<string, string>): Promise<readonly (string | undefined)[]> {
  const root = mkdtempSync(path.join(tmpdir(), 'sandbox-release-'));
  const tokens: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    tokens.push(request.headers.authorization);
    request.resume().once('end', () => response.end('{}'));
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
    rmSync(root, { recursive: true });
  });
  await once(server, 'listening');
  const registry = `127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const npmrc = path.join(root, 'npmrc');
  // As setup-node writes it, with the token that it has where nobody gives one.
  writeFileSync(npmrc, `//${registry}:_authToken=\${NODE_AUTH_TOKEN}\nregistry=http://${registry}\n`);
  writeFileSync(path.join(root, 'package.json'), '{ "name": "of-no-use", "version": "1.0.0" }');
  const bare = { PATH: process.env.PATH, HOME: root, NPM_CONFIG_USERCONFIG: npmrc, NODE_AUTH_TOKEN: 'XXXXX' };
  await run('pnpm', ['publish', '--no-git-checks'], { cwd: root, env: { ...bare, ...env }, timeout: 60_000 });
  return tokens;
}

test('a release is published with the token that it is given', async () => {
  const { PNPM_CONFIG_PROVENANCE: _, ...env } = environment();
  expect(await publish(env)).toEqual(['Bearer NPM_TOKEN']);
}, 90_000);

test('a release has provenance, or fails', async () => {
  // Here is no CI that could vouch for it, and pnpm says so once it is asked to.
  await expect(publish(environment())).rejects.toMatchObject({
    stderr: expect.stringMatching(/provenance generation is not supported/),
  });
}, 90_000);
