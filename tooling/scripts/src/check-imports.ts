import { globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isTestFile, reachesOut, whyForbidden } from './import-rules.ts';

export interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export interface PackageFiles {
  /** From the repository's root: `packages/core`. */
  readonly directory: string;
  readonly manifest: Manifest;
  /** Path from the repository's root → text. */
  readonly files: ReadonlyMap<string, string>;
}

/** Everything that is wrong with what these packages import and declare, one line each. */
export function checkImports(
  packages: readonly PackageFiles[],
  rootDevDependencies: readonly string[],
): string[] {
  const manifests = new Map(packages.map(({ manifest }) => [manifest.name, manifest]));
  return packages.flatMap((one) => checkPackage(one, manifests, rootDevDependencies));
}

function checkPackage(
  { directory, manifest, files }: PackageFiles,
  manifests: ReadonlyMap<string, Manifest>,
  rootDevDependencies: readonly string[],
): string[] {
  const problems: string[] = [];
  const shipped = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
  const forTests = [...shipped, ...Object.keys(manifest.devDependencies ?? {}), ...rootDevDependencies];
  const used = new Set<string>();

  for (const [file, text] of files) {
    for (const specifier of importsOf(text)) {
      const problem = (why: string) => problems.push(`${file}: imports '${specifier}': ${why}`);
      if (specifier.startsWith('.')) {
        const inside = normalize(join(dirname(file), specifier)).startsWith(`${directory}/`);
        if (!inside && file !== reachesOut) problem('a relative import stays inside its package');
        continue;
      }
      const target = packageOf(specifier);
      used.add(target);
      const why = whyForbidden(manifest.name, file, target);
      if (why !== undefined) problem(why);
      if (target.startsWith('node:') || target === manifest.name) continue;

      if (!(isTestFile(file) ? forTests : shipped).includes(target))
        problem(
          `${target} is not among the ${isTestFile(file) ? '' : 'shipped '}dependencies of ${manifest.name}`,
        );
      const exported = manifests.get(target)?.exports;
      if (manifests.has(target) && exported?.[specifier.replace(target, '.')] === undefined)
        problem(`${target} does not export it`);
    }
  }
  for (const name of shipped)
    if (!used.has(name)) problems.push(`${directory}/package.json: ${name} is declared and not imported`);
  return problems;
}

/** At the start of a line and outside quotes, so that examples in comments and texts do not count. */
const imports = /^import\s+(?:type\s+)?(?:[\w$*{},\s]+?\s+from\s+)?['"]([^'"\n]+)['"]/gm;
const exports = /^export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[\w$,\s]*\})\s+from\s+['"]([^'"\n]+)['"]/gm;
const dynamic =
  /^(?!\s*(?:\*|\/\/))(?:[^'"`\n]*\b|\s*\w+\('[\w-]+', \(\) => )import\(\s*['"]([^'"\n]+)['"]/gm;

/** Not loaded as a module, but used for its files. */
const resolved = /^(?!\s*(?:\*|\/\/))[^'"`\n]*import\.meta\.resolve\(\s*['"]([^'"\n]+)['"]/gm;

export function importsOf(text: string): string[] {
  return [imports, exports, dynamic, resolved].flatMap((kind) =>
    [...text.matchAll(kind)].map((match) => match[1] ?? ''),
  );
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  return builtinModules.includes(name) ? `node:${name}` : name;
}

function readPackages(root: string): PackageFiles[] {
  const read = (path: string) => readFileSync(join(root, path), 'utf8');
  return globSync('{packages,apps,tooling}/*/package.json', { cwd: root }).map((path) => {
    const directory = dirname(path);
    const files = globSync(`${directory}/{src,test,bin}/**/*.{ts,js,mjs}`, { cwd: root });
    return {
      directory,
      manifest: JSON.parse(read(path)) as Manifest,
      files: new Map(files.map((file) => [file, read(file)])),
    };
  });
}

if (import.meta.main) {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  const problems = checkImports(readPackages(root), Object.keys(devDependencies ?? {}));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}
