import { execFile } from 'node:child_process';
import { globSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** What a stranger has: a Node that is supported, and no program of this checkout. */
const PATH = [
  path.join(repository, 'node_modules/node/bin'),
  ...(process.env.PATH ?? '').split(path.delimiter).filter((directory) => !directory.startsWith(repository)),
].join(path.delimiter);

/** Runs a program there, and gives its stdout. What it printed is in the error. */
export async function inside(cwd: string, program: string, ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, PATH, NO_COLOR: '1', npm_config_update_notifier: 'false' };
  const { stdout } = await run(program, args, { cwd, env, timeout: 240_000, maxBuffer: 64 * 2 ** 20 });
  return stdout;
}

export interface Tarball {
  readonly name: string;
  readonly file: string;
  readonly dependencies: readonly string[];
  /** Else it is a program alone. */
  readonly isImportable: boolean;
}

/** Packs all that is published. */
export async function packAll(directory: string): Promise<readonly Tarball[]> {
  await run(
    'pnpm',
    [
      '-r',
      '--filter',
      './packages/*',
      '--filter',
      './apps/*',
      'exec',
      'pnpm',
      'pack',
      '--pack-destination',
      directory,
    ],
    { cwd: repository },
  );
  const manifests = globSync('{packages,apps}/*/package.json', { cwd: repository }).map((file) =>
    JSON.parse(readFileSync(path.join(repository, file), 'utf8')),
  );
  const files = readdirSync(directory);
  return manifests.map(({ name, version, exports, dependencies = {}, peerDependencies = {} }) => {
    const file = `${name.replace('@', '').replace('/', '-')}-${version}.tgz`;
    if (!files.includes(file)) throw new Error(`${name} was not packed`);
    const needed = Object.keys({ ...dependencies, ...peerDependencies });
    return { name, file: path.join(directory, file), dependencies: needed, isImportable: '.' in exports };
  });
}

/** These, and what of ours they need. */
export function withDependencies(all: readonly Tarball[], names: readonly string[]): readonly Tarball[] {
  const wanted = new Set<string>();
  const add = (name: string) => {
    const tarball = all.find((each) => each.name === name);
    if (tarball === undefined || wanted.has(name)) return;
    wanted.add(name);
    tarball.dependencies.forEach(add);
  };
  names.forEach(add);
  return all.filter(({ name }) => wanted.has(name));
}

/** Lets npm find what is in no registry yet. */
export const overridesOf = (tarballs: readonly Tarball[]): Readonly<Record<string, string>> =>
  Object.fromEntries(tarballs.map(({ name, file }) => [name, `file:${file}`]));

/** An empty project of a stranger's that asks for these packages alone. The others of ours are not in any registry yet: they are taken from here where they are needed. */
export async function project(
  directory: string,
  manager: 'npm' | 'pnpm',
  { all, names }: { readonly all: readonly Tarball[]; readonly names: readonly string[] },
): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const dependencies = overridesOf(all.filter(({ name }) => names.includes(name)));
  const needed = withDependencies(all, names);
  const others = overridesOf(needed.filter(({ name }) => !names.includes(name)));
  const manifest = { name: 'stranger', private: true, type: 'module', dependencies, overrides: others };
  writeFileSync(path.join(directory, 'package.json'), JSON.stringify(manifest));
  if (manager === 'npm') {
    await inside(directory, 'npm', 'install', '--no-audit', '--no-fund', '--loglevel=error');
    return;
  }
  const settings = {
    packages: [],
    overrides: overridesOf(needed),
    // Native code that only ssh:// hosts of Docker need: pnpm wants to be told.
    allowBuilds: { 'cpu-features': false, protobufjs: false, ssh2: false },
  };
  writeFileSync(path.join(directory, 'pnpm-workspace.yaml'), JSON.stringify(settings));
  await run('pnpm', ['install', '--silent'], { cwd: directory, timeout: 240_000 });
}
