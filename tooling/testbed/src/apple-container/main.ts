import { CliFailure, failure } from './failure.ts';
import { Faults } from './faults.ts';
import { parseArguments } from './parse-arguments.ts';
import { checkArguments, parseOnly } from './parse-only.ts';
import type { Surroundings } from './surroundings.ts';
import { systemCommands } from './system.ts';

/** Carries out a command line and gives its exit code. The release that it plays, the faults that it has, the engine that it runs on: all from the environment. */
export async function main(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  try {
    return await carryOut(argv, surroundings);
  } catch (error) {
    const isExpected = error instanceof CliFailure;
    const lines = isExpected ? error.lines : [`Error: ${(error as Error).message}`];
    surroundings.error(`${lines.join('\n')}\n`);
    return isExpected ? error.exitCode : 1;
  }
}

async function carryOut(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { environment, out } = surroundings;
  const version = environment.FAKE_CONTAINER_VERSION || '1.2.2';
  const macos = Number(environment.FAKE_MACOS || 26);
  const faults = new Faults(environment.FAKE_CONTAINER_FAULTS ?? '');
  const parses = environment.FAKE_CONTAINER_ENGINE === 'none';
  const parsed = parses
    ? parseOnly(argv, { version, macos }, surroundings)
    : parseArguments(argv, { version, macos });
  if ('shown' in parsed) {
    out(
      parsed.shown === 'version'
        ? `container CLI version ${version} (build: release, commit: 0190097)\n`
        : `OVERVIEW: ${['container', parsed.command].join(' ').trim()}\n`,
    );
    return 0;
  }
  const { command, values } = parsed;
  if (parses) {
    out(`${JSON.stringify({ command, values })}\n`);
    return 0;
  }
  checkArguments(parsed);
  await faults.before(command);
  const system = systemCommands(faults, faults.argument('status-shape') ?? version, out)[command];
  if (system) return system();
  const { doubleCommands } = await import('./double.ts');
  const work = doubleCommands(faults, version, surroundings)[command];
  if (work === undefined) throw failure(`the double has no ${command}`);
  const result = await work(values);
  if ('exitCode' in result) return result.exitCode;
  for (const line of result.print) out(`${line}\n`);
  return 0;
}
