import {
  existsSync,
  globSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inside, packAll, project, repository, type Tarball } from './tarballs.ts';

const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'sandbox-consumer-')));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const NODES = {
  24: path.join(repository, 'node_modules/node/bin/node'),
  22: path.join(repository, 'tooling/node-22/node_modules/node/bin/node'),
};
const tsc = path.join(repository, 'node_modules/.bin/tsc');
const named = (process.env.SANDBOX_RUNTIMES ?? '').split(/[\s,]+/);
/** For the adapters that need neither a Mac nor an engine of their own kind. */
const ADAPTERS = ['nsjail', 'docker'].filter((runtime) => named.includes(runtime));

let all: readonly Tarball[];
beforeAll(async () => {
  all = await packAll(root);
});

/** Ten lines, as the README of an adapter has them. */
const alone = (runtime: string) => `
  import { create${runtime[0]?.toUpperCase()}${runtime.slice(1)}Adapter as createAdapter } from '@sandbox/adapter-${runtime}';
  import { createSandboxes } from '@sandbox/core';

  await using sandboxes = createSandboxes({ adapter: createAdapter(), scope: process.env.SANDBOX_SCOPE ?? 'test' });
  const { exitCode, stdout } = await sandboxes.run(['sh', '-c', 'echo hello from $(id -u); exit 3']);
  console.log(JSON.stringify({ exitCode, stdout }));
`;

const options = (resolution: 'nodenext' | 'bundler') => ({
  compilerOptions: {
    strict: true,
    exactOptionalPropertyTypes: true,
    module: resolution === 'bundler' ? 'esnext' : 'nodenext',
    moduleResolution: resolution,
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable', 'dom'],
    types: ['node'],
    typeRoots: [path.join(repository, 'node_modules/@types')],
    outDir: `out-${resolution}`,
  },
  files: ['main.ts'],
});

/** Compiles a program as strictly as can be, both ways, and gives the file that Node runs. */
async function compiled(directory: string, text: string): Promise<string> {
  writeFileSync(path.join(directory, 'main.ts'), text);
  for (const resolution of ['bundler', 'nodenext'] as const) {
    const config = path.join(directory, `tsconfig.${resolution}.json`);
    writeFileSync(config, JSON.stringify(options(resolution)));
    await inside(directory, tsc, '-p', config);
  }
  return path.join(directory, 'out-nodenext', 'main.js');
}

describe('outside of this repository', () => {
  it.each(ADAPTERS)(
    'the adapter for %s works alone, and brings nothing of another',
    async (runtime) => {
      const directory = path.join(root, runtime);
      const name = `@sandbox/adapter-${runtime}`;
      await project(directory, 'npm', { all, names: [name, '@sandbox/core'] });
      const program = await compiled(directory, alone(runtime));
      for (const node of Object.values(NODES)) {
        const { exitCode, stdout } = JSON.parse(await inside(directory, node, program));
        expect({ exitCode, stdout }).toEqual({
          exitCode: 3,
          stdout: expect.stringMatching(/^hello from \d+\n$/),
        });
      }
      const others = globSync('node_modules/@sandbox/adapter-*', { cwd: directory });
      expect(others).toEqual([`node_modules/${name}`]);
      expect(existsSync(path.join(directory, 'node_modules', 'dockerode'))).toBe(runtime === 'docker');
    },
    300_000,
  );

  describe.each(['npm', 'pnpm'] as const)('installed by %s', (manager) => {
    const directory = path.join(root, `app-${manager}`);
    beforeAll(async () => {
      await project(directory, manager, { all, names: all.map(({ name }) => name) });
    }, 300_000);

    it('all packages can be imported together, and their types hold', async () => {
      const imports = all.filter(({ isImportable }) => isImportable).map(({ name }) => name);
      const lines = imports.map((name, index) => `import * as m${index} from '${name}';`);
      const count = `console.log(${imports.map((_, index) => `Object.keys(m${index}).length`).join(' + ')});`;
      const program = await compiled(directory, `${lines.join('\n')}\n${count}\n`);
      for (const node of Object.values(NODES))
        expect(Number(await inside(directory, node, program))).toBeGreaterThan(imports.length);
    }, 300_000);

    it('languages bring what their images are built with', async () => {
      const program = path.join(directory, 'recipes.mjs');
      writeFileSync(
        program,
        `import { builtInLanguages, imageBuild, isBuilt } from '@sandbox/languages';
        const built = builtInLanguages.languages.filter(isBuilt);
        console.log((await Promise.all(built.map((language) => imageBuild(language)))).length);\n`,
      );
      expect(await inside(directory, NODES[22], program)).toBe('9\n');
    }, 300_000);

    it('the program is there', async () => {
      const [command = '', ...words] =
        manager === 'npm' ? ['npx', '@sandbox/app'] : ['pnpm', 'exec', 'sandbox'];
      const { version } = JSON.parse(
        readFileSync(path.join(repository, 'apps/sandbox/package.json'), 'utf8'),
      );
      expect(await inside(directory, command, ...words, '--version')).toBe(`sandbox ${version}\n`);
      const [runtime] = ADAPTERS;
      if (runtime === undefined) return;
      const run = ['run', '--runtime', runtime, '--', 'echo', 'from a tarball'];
      expect(await inside(directory, command, ...words, ...run)).toBe('from a tarball\n');
    }, 300_000);
  });
});

it('every package says truly what is in it', async () => {
  for (const { name, file, isImportable } of all) {
    const data = readFileSync(file);
    const { messages } = await publint({
      strict: true,
      pack: { tarball: data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) },
    });
    expect({ name, messages }).toEqual({ name, messages: [] });
    if (!isImportable) continue;
    const analysis = await checkPackage(createPackageFromTarballData(data), {
      // ESM only: who requires it, or resolves it as Node 10 did, has been told by `engines`.
      entrypointsLegacy: false,
    });
    const problems = 'problems' in analysis ? analysis.problems : [{ kind: 'no types' }];
    const esmOnly = problems.filter(
      (problem) =>
        problem.kind !== 'CJSResolvesToESM' &&
        !('resolutionKind' in problem && problem.resolutionKind === 'node10'),
    );
    expect({ name, esmOnly }).toEqual({ name, esmOnly: [] });
  }
}, 120_000);
