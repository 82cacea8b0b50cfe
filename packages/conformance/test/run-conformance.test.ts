import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { adapterGroups } from '../src/adapter/index.ts';
import { type ConformanceOptions, runConformance } from '../src/index.ts';
import { createReferenceAdapter } from '../src/reference/index.ts';
import { sandboxGroups } from '../src/sandbox/index.ts';
import { runSuite } from './mini-runner.ts';

const groups = [...adapterGroups, ...sandboxGroups];
const nothing = () => undefined;
const options = {
  describe: nothing,
  it: nothing,
  expect: expect as ConformanceOptions['expect'],
  createAdapter: () => createReferenceAdapter(),
};

describe('runConformance', () => {
  it.each(['skip', 'only', 'exclude', 'capabilities', 'supports'])('throws when it is told to %s', (name) => {
    expect(() => runConformance({ ...options, [name]: ['limits'] } as ConformanceOptions)).toThrow(
      `there is no option '${name}'`,
    );
  });

  it('throws without what it needs', () => {
    expect(() => runConformance({ ...options, createAdapter: undefined as never })).toThrow('createAdapter');
    expect(() => runConformance({ ...options, image: 'a', root: { type: 'host', readOnly: false } })).toThrow(
      'both',
    );
  });

  it('makes no adapter before the first case runs', () => {
    runConformance({
      ...options,
      describe: (_name, body) => body(),
      createAdapter: () => {
        throw new Error('too early');
      },
    });
  });

  it('has cases with ids of their own', () => {
    const ids = groups.flatMap(({ cases }) => cases.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThanOrEqual(150);
    expect(ids.filter((id) => !/^[a-z-]+\/[a-z0-9-]+$/.test(id))).toEqual([]);
  });

  it('skips by capabilities alone, and says how many and why', async () => {
    const { cases, summary } = await runSuite({ createAdapter: () => createReferenceAdapter() }, (id) =>
      ['limits/memory-hog', 'limits/open-files-bite', 'enforcement/memory', 'exec/exit-0'].includes(id),
    );
    expect(cases.map(({ id, outcome }) => [id, outcome])).toEqual([
      ['limits/memory-hog', 'skipped'],
      ['limits/open-files-bite', 'passed'],
      ['enforcement/memory', 'passed'],
      ['exec/exit-0', 'skipped'],
    ]);
    expect(summary).toMatch(
      /^conformance of reference: 2 cases run, 2 skipped \(1 × memory unsupported: .+; 1 × namespaces unsupported: .+\)$/,
    );
  });

  it('fails every case on a runtime that is not there', async () => {
    const createAdapter = () => {
      const sound = createReferenceAdapter();
      const probe = async () =>
        ({
          status: 'undetected',
          message: 'nobody answers',
          remedy: 'install it',
          capabilities: sound.capabilities,
        }) as const;
      return { ...sound, probe };
    };
    const { failed } = await runSuite(
      { createAdapter },
      (id) => id === 'limits/memory-hog' || id === 'labels/kept',
    );
    expect(failed).toEqual(['labels/kept', 'limits/memory-hog']);
  });

  it('runs under node:test', async () => {
    const suite = fileURLToPath(new URL('./fixtures/node-test-suite.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--test', '--test-reporter=tap', '--test-name-pattern=probe/', suite],
      { env: { ...process.env, NODE_TEST_CONTEXT: undefined } },
    );
    expect(stdout).toMatch(/# pass [1-9]\d*\n# fail 0/);
    expect(stdout).toMatch(/ok \d+ - probe\/runtime-id: /);
  });

  it('counts its cases right in the README', () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    for (const { id, cases } of groups) expect(readme).toContain(`| \`${id}\` | ${cases.length} |`);
    const total = groups.reduce((sum, { cases }) => sum + cases.length, 0);
    expect(readme).toContain(`${total} cases`);
  });
});
