import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RuntimeAdapter } from '@sandbox/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capturedIo } from '../../test/captured-io.ts';
import { createCli } from '../index.ts';

const root = mkdtempSync(join(tmpdir(), 'sandbox-discovery-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const etc = join(root, 'etc');
const app = join(root, 'app');
const checkout = join(root, 'checkout');

/** A runtime that says that it is well, its options, and where its package lies. */
function source(runtime: string, place: string, change = '', made = ''): string {
  return `
const anything = (value) =>
  'wrong' in value ? { issues: [{ message: 'no', path: ['wrong'] }] } : { value };
const support = { support: 'enforced', how: 'for a test' };
const capabilities = { controls: new Proxy({}, { get: () => support }), facets: {}, boundary: 'container' };
const adapter = (options) => ({
  runtime: ${JSON.stringify(runtime)},
  apiVersion: 1,
  capabilities,
  async probe() {
    return { status: 'healthy', message: ${JSON.stringify(place)} + ' ' + JSON.stringify(options), capabilities };
  },
  async close() {},
  ${made}
});
export default {
  runtime: ${JSON.stringify(runtime)},
  apiVersion: 1,
  optionsSchema: { '~standard': { version: 1, vendor: 'test', validate: anything } },
  create: adapter,
  ${change}
};
`;
}

function install(directory: string, name: string, text: string): void {
  const place = join(directory, 'node_modules', name);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'index.mjs'), text);
  const exports = { '.': { import: './index.mjs' } };
  writeFileSync(join(place, 'package.json'), JSON.stringify({ name, version: '1.0.0', exports }));
}

beforeAll(() => {
  for (const directory of [etc, app, checkout]) mkdirSync(directory);
  install(etc, '@acme/both', source('both', 'beside the file'));
  install(app, '@acme/both', source('both', 'beside the program'));
  install(app, 'beside', source('beside', 'beside the program'));
  install(checkout, 'planted', source('planted', 'in the checkout'));
  install(app, 'newer', source('newer', '', 'apiVersion: 2,'));
  install(app, 'second', source('docker', ''));
  install(app, 'broken', 'throw new Error("a bug in it");');
  install(app, 'no-adapter', 'export default { runtime: "x" };');
  install(app, 'shouts', source('Shouts', ''));
  install(app, 'other-name', source('other-name', '', '', 'runtime: "docker",'));
  install(app, 'makes-newer', source('makes-newer', '', '', 'apiVersion: 2,'));
  mkdirSync(join(etc, 'node_modules/half'), { recursive: true });
  writeFileSync(join(etc, 'node_modules/half/package.json'), '{ "name": "half", "exports": {} }');
  writeFileSync(join(etc, 'own.mjs'), source('own', 'a file'));
  writeFileSync(join(checkout, 'own.mjs'), source('typed', 'a file that was typed'));
});

const bundled = {
  runtime: 'docker',
  apiVersion: 1,
  capabilities: { controls: {}, facets: {} },
  probe: async () => ({ status: 'undetected', message: 'it is not here' }),
  list: async () => [],
  close: async () => {},
};
const docker = { runtime: 'docker', load: async () => bundled as unknown as RuntimeAdapter };

async function sandbox(adapters: readonly string[], ...argv: string[]) {
  const file = join(etc, 'sandbox.toml');
  writeFileSync(file, `adapters = ${JSON.stringify(adapters)}\n[runtimes.both]\nsome_option = 7\n`);
  const io = capturedIo({ cwd: checkout, env: { SANDBOX_CONFIG: file } });
  const exitCode = await createCli({ adapters: [docker], directory: app }).run(argv, io);
  return { exitCode, out: io.out(), err: io.err() };
}

async function found(adapters: readonly string[], ...argv: string[]) {
  const { out } = await sandbox(adapters, 'doctor', '--json', ...argv);
  const findings = JSON.parse(out) as { runtime: string; status: string; message: string; remedy?: string }[];
  return findings.filter(({ runtime }) => runtime !== 'docker');
}

describe('adapters of other people', () => {
  it('are looked for from the file that names them, then beside the program', async () => {
    expect(await found(['@acme/both', 'beside'])).toMatchObject([
      { runtime: 'both', status: 'healthy', message: 'beside the file {"someOption":7}' },
      { runtime: 'beside', status: 'healthy', message: 'beside the program {}' },
    ]);
  });

  it('are never looked for in the working directory', async () => {
    const [finding] = await found(['planted']);
    expect(finding).toMatchObject({ runtime: 'planted', status: 'unhealthy' });
    expect(finding?.message).toMatch(/^planted is not found from \S+etc, nor from \S+app$/);
    expect(finding?.remedy).toMatch(/^Install it: npm install --prefix \S+etc planted$/);
    expect(await found([], '--adapter', 'planted')).toMatchObject([{ status: 'unhealthy' }]);
  });

  it('are not fetched from anywhere where a file was meant', async () => {
    const [finding] = await found([], '--adapter', 'dist/own.mjs');
    expect(finding?.message).toMatch(/^dist\/own\.mjs is not found from /);
    expect(finding?.remedy).toBe('To name a file, write ./dist/own.mjs');
    const [missing] = await found([], '--adapter', './dist/own.mjs');
    expect(missing?.remedy).toBe('Look whether it is there: it may have to be built first.');
  });

  it('can be files, beside the one that names them', async () => {
    expect(await found(['./own.mjs'])).toMatchObject([{ runtime: 'own', message: 'a file {}' }]);
    expect(await found([join(etc, 'own.mjs')])).toMatchObject([{ runtime: 'own' }]);
  });

  it('can be named with --adapter, as often as one likes, and are one when they are named twice', async () => {
    expect(await found(['beside'], '--adapter', '@acme/both', '--adapter', 'beside')).toMatchObject([
      { runtime: 'beside' },
      { runtime: 'both' },
    ]);
    expect(await found([], '--adapter', './own.mjs')).toMatchObject([
      { runtime: 'typed', message: 'a file that was typed {}' },
    ]);
    expect(await found([], '--adapter', 'beside', '--runtime', 'beside')).toHaveLength(1);
  });

  it.each([
    ['broken', /^broken could not be imported: a bug in it$/],
    ['no-adapter', /^no-adapter is no adapter: its default export is not \{ runtime, /],
    ['shouts', /is no adapter/],
    ['newer', /^newer was written for version 2 of the contract, and this program has 1$/],
    ['second', /^second is a second adapter for docker$/],
    ['fs', /is no adapter/],
    ['half', /^half could not be imported: No "exports" main defined in /],
  ])('that are not right are told: %s', async (name, message) => {
    expect(await found([name])).toEqual([
      expect.objectContaining({
        runtime: name,
        status: 'unhealthy',
        message: expect.stringMatching(message),
      }),
    ]);
    const { exitCode, err } = await sandbox([name], 'ls');
    expect(exitCode).toBe(125);
    expect(err).toMatch(new RegExp(`^sandbox: .*${name}.*\\n *hint: `));
    const check = await sandbox([name], 'config', 'check');
    expect(check).toMatchObject({ exitCode: 2, err: expect.stringMatching(/sandbox\.toml:1: /) });
  });

  it.each([
    ['other-name', /^other-name makes an adapter for docker$/],
    ['makes-newer', /^makes-newer was written for version 2 of the contract, and this program has 1$/],
  ])('that do not make what they say are told: %s', async (name, message) => {
    expect(await found([name])).toMatchObject([
      { status: 'unhealthy', message: expect.stringMatching(message) },
    ]);
    const { exitCode, err } = await sandbox([name], 'ls');
    expect({ exitCode, err }).toEqual({
      exitCode: 125,
      err: expect.stringMatching(/^sandbox: .*\nhint: Install a version of /),
    });
  });

  it.each(['own', 'broken'])(
    'that are not right are told when the runtime %s is asked for',
    async (runtime) => {
      const { exitCode, err } = await sandbox(['broken'], 'ls', '--runtime', runtime);
      expect([exitCode, err]).toEqual([
        125,
        expect.stringContaining('broken could not be imported: a bug in it'),
      ]);
    },
  );

  it('are not imported for another runtime', async () => {
    const { exitCode, err } = await sandbox(['broken'], 'ls', '--json', '--runtime', 'docker');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  });

  it('check their own options', async () => {
    const file = join(etc, 'wrong.toml');
    writeFileSync(file, 'adapters = ["@acme/both"]\n[runtimes.both]\nwrong = 1\n');
    const io = capturedIo({ cwd: checkout, env: {} });
    const cli = createCli({ adapters: [docker], directory: app });
    expect(await cli.run(['config', 'check', file], io)).toBe(2);
    expect(io.err()).toMatch(/wrong\.toml:3: runtimes\.both\.wrong is 1: no/);
  });
});

it('a program can be made of what a package exports', async () => {
  const { default: plugin } = await import(join(app, 'node_modules/beside/index.mjs'));
  const io = capturedIo({ cwd: checkout, env: { SANDBOX_CONFIG: '/dev/null' } });
  expect(await createCli({ adapters: [plugin] }).run(['doctor'], io)).toBe(0);
  expect(io.out()).toContain('✔ beside: beside the program {}');
  const newer = capturedIo({ cwd: checkout, env: { SANDBOX_CONFIG: '/dev/null' } });
  expect(await createCli({ adapters: [{ ...plugin, apiVersion: 2 }] }).run(['doctor'], newer)).toBe(1);
  expect(newer.out()).toContain('✘ beside: beside was written for version 2 of the contract');
});
