import { describe, expect, it } from 'vitest';
import { checkImports, importsOf, type Manifest } from './check-imports.ts';

const one = (name: string, file: string, text: string, manifest: Partial<Manifest> = {}) => {
  const directory = file.split('/').slice(0, 2).join('/');
  return { directory, manifest: { name, ...manifest }, files: new Map([[file, text]]) };
};
const guest = one('@sandbox/guest', 'packages/guest/src/index.ts', '', { exports: { '.': {} } });
const check = (...packages: Parameters<typeof checkImports>[0]) => checkImports(packages, ['vitest']);

describe('importsOf', () => {
  it('finds static, type-only, side-effect, re-exported, dynamic and resolved imports', () => {
    const text = [
      "import a from 'a';",
      "import type {\n  B,\n} from 'b';",
      "import 'c';",
      "export * from 'd';",
      "const load = () => import('e');",
      "const files = import.meta.resolve('f');",
    ].join('\n');
    expect(importsOf(text)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('takes no example in a comment for one', () => {
    expect(
      importsOf("/**\n * import x from 'y';\n * await import('z')\n */\nexport const text = 'w';"),
    ).toEqual([]);
  });
});

describe('checkImports', () => {
  it.each([
    ['@sandbox/core', 'packages/core/src/a.ts', "import { spawn } from 'node:child_process';", /may not use/],
    ['@sandbox/core', 'packages/core/src/a.ts', "import { spawn } from 'child_process';", /may not use/],
    ['@sandbox/core', 'packages/core/src/a.ts', "import D from 'dockerode';", /may not import dockerode/],
    ['@sandbox/guest', 'packages/guest/src/a.ts', "import { z } from 'zod';", /may not import zod/],
    ['@sandbox/cli', 'packages/cli/src/a.ts', "import '@sandbox/adapter-docker';", /may not import/],
    [
      '@sandbox/adapter-podman',
      'packages/adapter-podman/src/a.ts',
      "import '@sandbox/adapter-docker';",
      /may not/,
    ],
    [
      '@sandbox/podman-client',
      'packages/podman-client/src/a.ts',
      "import '@sandbox/adapter-podman';",
      /may not import/,
    ],
    [
      '@sandbox/podman-client',
      'packages/podman-client/src/a.ts',
      "import { z } from 'zod';",
      /not import zod/,
    ],
    ['@sandbox/app', 'apps/sandbox/src/main.ts', "import '@sandbox/adapter-docker';", /may not import/],
    ['@sandbox/cli', 'packages/cli/src/a.test.ts', "import '@sandbox/app';", /imported by nobody/],
    ['@sandbox/cli', 'packages/cli/src/a.ts', "import '../../core/src/b.ts';", /stays inside its package/],
    ['@sandbox/unheard-of', 'packages/x/src/a.ts', "import 'node:fs';", /no entry/],
  ])('refuses what the rules forbid: %s, %s', (name, file, text, expected) => {
    expect(check(one(name, file, text)).join('\n')).toMatch(expected);
  });

  it('lets the list of adapters name them, and nothing else of the app', () => {
    const manifest = { dependencies: { '@sandbox/adapter-docker': 'workspace:^' } };
    const text = "const load = () => import('@sandbox/adapter-docker');";
    expect(check(one('@sandbox/app', 'apps/sandbox/src/adapters.ts', text, manifest))).toEqual([]);
  });

  it('refuses what another package does not export', () => {
    const text = "import '@sandbox/guest/src/deep.ts';";
    const manifest = { dependencies: { '@sandbox/guest': 'workspace:^' } };
    expect(check(guest, one('@sandbox/core', 'packages/core/src/a.ts', text, manifest))).toEqual([
      "packages/core/src/a.ts: imports '@sandbox/guest/src/deep.ts': @sandbox/guest does not export it",
    ]);
  });

  it('wants declared what is imported, and imported what is declared', () => {
    const text = "import { z } from 'zod';";
    const manifest = { dependencies: { tar: '^7' }, devDependencies: { zod: '^4' } };
    const problems = check(one('@sandbox/core', 'packages/core/src/a.ts', text, manifest));
    expect(problems.join('\n')).toMatch(/zod is not among the shipped dependencies/);
    expect(problems.join('\n')).toMatch(/tar is declared and not imported/);
  });

  it('lets tests import dev dependencies, their own and the root’s', () => {
    const text = "import { it } from 'vitest';\nimport D from 'dockerode';";
    const manifest = { devDependencies: { dockerode: '^5' } };
    expect(check(one('@sandbox/core', 'packages/core/src/a.test.ts', text, manifest))).toEqual([]);
  });
});
