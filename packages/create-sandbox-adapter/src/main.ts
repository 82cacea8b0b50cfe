import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { CannotCreate, makeWords, writePackage } from './write-package.ts';

const HELP = `Begins a package with an adapter for a runtime of yours.

Usage: npm create sandbox-adapter -- RUNTIME [--package NAME] [--directory DIR]

  RUNTIME            its id: lower case words with - between them, such as firecracker or kata-vm
  --package NAME     what the package is called (default: sandbox-adapter-RUNTIME)
  --directory DIR    where it is made; must not be there, or be empty (default: ./sandbox-adapter-RUNTIME)

Examples:
  npm create sandbox-adapter -- firecracker
  npm create sandbox-adapter -- firecracker --package @acme/sandbox-adapter-firecracker
`;

/** Returns the exit code: 0, 1 where it could not be done, 2 for words that cannot be meant. */
export function main(argv: readonly string[], cwd = process.cwd()): number {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        package: { type: 'string' },
        directory: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    const [runtime] = positionals;
    if (runtime === undefined || positionals.length > 1)
      throw new CannotCreate(`one RUNTIME is needed, and there are ${positionals.length}`, 2);
    const words = makeWords(runtime, values.package);
    const directory = path.resolve(cwd, values.directory ?? `sandbox-adapter-${runtime}`);
    if (existsSync(directory) && readdirSync(directory).length > 0)
      throw new CannotCreate(`${directory} is there already; name another one with --directory`, 1);
    const own = new URL('../package.json', import.meta.url);
    const { version } = JSON.parse(readFileSync(own, 'utf8')) as { version: string };
    const files = writePackage(directory, words, version);
    process.stdout.write(
      `${files.map((file) => `  ${file}`).join('\n')}\n\n${next(path.relative(cwd, directory), words.packageName)}`,
    );
    return 0;
  } catch (error) {
    const isUsage = (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
    const { message } = error as Error;
    process.stderr.write(`create-sandbox-adapter: ${message}\nhint: npm create sandbox-adapter -- --help\n`);
    return error instanceof CannotCreate ? error.exitCode : isUsage ? 2 : 1;
  }
}

function next(directory: string, packageName: string): string {
  const word = /^[\w./@-]+$/.test(directory) ? directory : `'${directory.replaceAll("'", "'\\''")}'`;
  return `${packageName} is there. Next:
${directory === '' ? '' : `  cd ${word}\n`}  npm install
  npm test          # what is to be done, one thing after the other
`;
}
