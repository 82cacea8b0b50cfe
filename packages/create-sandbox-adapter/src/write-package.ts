import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export class CannotCreate extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** What stands for the example's names. */
export interface Words {
  /** `kata-vm` */
  readonly runtime: string;
  /** `KataVm` */
  readonly type: string;
  /** `kataVm` */
  readonly value: string;
  /** `KATA_VM` */
  readonly constant: string;
  readonly packageName: string;
}

/** As the core's `RUNTIME_ID`, of which this program does without. */
const RUNTIME = /^(?!auto$)[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const PACKAGE = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;
const LONGEST = 40;
/** Of adapters that the program brings along: it would refuse a second one. */
const TAKEN = ['docker', 'podman', 'nsjail', 'bubblewrap', 'apple-container'];

export function makeWords(runtime: string, packageName = `sandbox-adapter-${runtime}`): Words {
  if (!RUNTIME.test(runtime) || runtime.length > LONGEST)
    throw new CannotCreate(
      `${JSON.stringify(runtime)} is no id of a runtime: lower case words with - between them, at most ${LONGEST} characters`,
      2,
    );
  if (TAKEN.includes(runtime))
    throw new CannotCreate(`${runtime} has an adapter already: take another id, such as ${runtime}-own`, 2);
  if (!PACKAGE.test(packageName))
    throw new CannotCreate(`${JSON.stringify(packageName)} is no name of a package`, 2);
  const type = runtime
    .split('-')
    .map((word) => word[0]?.toUpperCase() + word.slice(1))
    .join('');
  return {
    runtime,
    type,
    value: type[0]?.toLowerCase() + type.slice(1),
    constant: runtime.replaceAll('-', '_').toUpperCase(),
    packageName,
  };
}

/** The text of a file of the template, for this runtime. Pure. */
export function filledIn(text: string, words: Words, version: string): string {
  return (
    text
      .replaceAll('0.0.0-sandbox', `^${version}`)
      .replaceAll("'example'", `'${words.runtime}'`)
      .replaceAll('/example-', `/${words.runtime}-`)
      .replaceAll('[runtimes.example]', `[runtimes.${words.runtime}]`)
      .replaceAll('EXAMPLE', words.constant)
      .replaceAll('Example', words.type)
      .replaceAll('examplePlugin', `${words.value}Plugin`)
      .replaceAll('exampleAdapter', `${words.value}Adapter`)
      .replaceAll('exampleWords', `${words.value}Words`)
      .replaceAll('`example`', `\`${words.runtime}\``)
      // Last: it is taken as it was given, whatever is in it.
      .replaceAll('@example/sandbox-adapter-example', words.packageName)
  );
}

/** Writes the package; returns its files, relative to it. */
export function writePackage(directory: string, words: Words, version: string): readonly string[] {
  const template = fileURLToPath(new URL('../template', import.meta.url));
  mkdirSync(directory, { recursive: true });
  cpSync(template, directory, { recursive: true });
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  return files
    .map((file) => {
      writeFileSync(file, filledIn(readFileSync(file, 'utf8'), words, version));
      // npm publishes no .gitignore, and takes every package.json for one of a package.
      const name = path
        .basename(file)
        .replace('_gitignore', '.gitignore')
        .replace('_package', 'package')
        .replace('example-', `${words.runtime}-`);
      const named = path.join(path.dirname(file), name);
      if (named !== file) renameSync(file, named);
      return path.relative(directory, named);
    })
    .sort();
}
