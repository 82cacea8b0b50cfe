import { chmodSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inside, overridesOf, packAll, project, repository, type Tarball } from './tarballs.ts';

const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'sandbox-author-')));
// The guest's user must be able to reach what is in it.
chmodSync(root, 0o755);
afterAll(() => rmSync(root, { recursive: true, force: true }));

const directory = path.join(root, 'sandbox-adapter-my-jail');
const file = (name: string) => path.join(directory, name);
const change = (name: string, from: string | RegExp, to: string) => {
  const text = readFileSync(file(name), 'utf8');
  const changed = text.replace(from, to);
  if (changed === text) throw new Error(`${name} has no ${from}`);
  writeFileSync(file(name), changed);
};

/** What an author sees who runs the tests. */
async function messages(filter: string): Promise<readonly string[]> {
  const report = path.join(root, 'report.json');
  const vitest = ['vitest', 'run', '--reporter=json', `--outputFile=${report}`, '-t', filter];
  await inside(directory, 'npx', ...vitest).catch(() => {});
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: { assertionResults: { status: string; failureMessages: string[] }[] }[];
  };
  return testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed').flatMap((one) => one.failureMessages),
  );
}

/** With the tarballs and the guide, and nothing else of ours. */
describe('an adapter of one’s own', () => {
  let all: readonly Tarball[];
  beforeAll(async () => {
    all = await packAll(root);
    const maker = path.join(root, 'maker');
    await project(maker, 'npm', { all, names: ['create-sandbox-adapter'] });
    await inside(root, path.join(maker, 'node_modules/.bin/create-sandbox-adapter'), 'my-jail');
    // Until they are in a registry.
    change('package.json', /"private".*\n|^\{/, `{ "overrides": ${JSON.stringify(overridesOf(all))},`);
    for (const { name, file: tarball } of all)
      if (readFileSync(file('package.json'), 'utf8').includes(`"${name}": "^`))
        change(
          'package.json',
          new RegExp(`("devDependencies"[^}]*"${name}": )"[^"]*"`),
          `$1"file:${tarball}"`,
        );
    await inside(directory, 'npm', 'install', '--no-audit', '--no-fund', '--loglevel=error');
  }, 300_000);

  it('builds, and its types hold', async () => {
    await inside(directory, 'npm', 'run', 'check');
    await inside(directory, 'npm', 'run', 'build');
    const { default: plugin } = await import(file('dist/index.js'));
    expect(plugin).toMatchObject({ runtime: 'my-jail', apiVersion: 1 });
  }, 120_000);

  it('fails the suite with what is to be done, one thing after the other', async () => {
    for (const message of await messages('lifecycle/'))
      expect(message).toContain(
        'my-jail is undetected: to do, 1 of 10: probe: look whether the runtime is there',
      );
    change(
      'src/my-jail-probe.ts',
      "status: 'undetected'",
      "status: 'healthy', architecture: 'amd64', idMapping: { type: 'identity' }, sharesHostFiles: true",
    );
    const next = await messages('raw-process/');
    expect(next.length).toBeGreaterThan(10);
    for (const message of next) expect(message).toContain('to do, 2 of 10: create: make a sandbox');
  }, 120_000);

  it('passes the suite once it does what it says', async () => {
    // The smallest adapter that there is, under another name: what an author would write is as long as that.
    writeFileSync(
      file('src/my-jail-adapter.ts'),
      `import { createReferenceAdapter } from '@sandbox/conformance/reference';
export const createMyJailAdapter = (_options: object = {}) => createReferenceAdapter({ runtime: 'my-jail', directory: ${JSON.stringify(path.join(root, 'state'))} });
`,
    );
    const output = await inside(directory, 'npx', 'vitest', 'run', '-t', 'idempotence/');
    expect(output).toContain('conformance of my-jail: 12 cases run');
  }, 120_000);
});

it('the guide shows what the generator makes', () => {
  const guide = readFileSync(path.join(repository, 'packages/create-sandbox-adapter/GUIDE.md'), 'utf8');
  for (const name of ['plugin.ts', '-options.ts', '-capabilities.ts', '-probe.ts', '-spec.ts', '-adapter.ts'])
    expect(guide).toContain(name);
});
