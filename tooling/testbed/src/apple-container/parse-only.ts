import { type Configuration, configurationOf } from './configuration.ts';
import { failure } from './failure.ts';
import { type Parsed, type ParseOptions, parseArguments, type Shown } from './parse-arguments.ts';
import type { Surroundings } from './surroundings.ts';

/** A command line that the real command would carry out. */
export interface Accepted extends Parsed {
  /** What `run` and `create` would have made of it, of an image without anything of its own. */
  readonly configuration?: Configuration;
}

const emptyImage = { reference: '', digest: '', env: [], command: ['/bin/sh'] };

/** All that the real command checks before it asks its service or an image; throws a `CliFailure`, as it would end. */
export function parseOnly(
  argv: readonly string[],
  options?: ParseOptions,
  here: Pick<Surroundings, 'environment' | 'directory'> = { environment: {}, directory: '/' },
): Accepted | Shown {
  const parsed = parseArguments(argv, options);
  if ('shown' in parsed) return parsed;
  checkArguments(parsed);
  if (parsed.command !== 'run' && parsed.command !== 'create') return parsed;
  return { ...parsed, configuration: configurationOf(parsed.values, emptyImage, here) };
}

/** What a command checks of its own arguments. */
export function checkArguments({ command, values }: Parsed): void {
  const [ids, all] = [(values.containerIds as string[] | undefined) ?? [], values.all === true];
  if (['stop', 'kill', 'delete'].includes(command)) {
    if (ids.length === 0 && !all) throw failure('no containers specified and --all not supplied');
    if (ids.length > 0 && all)
      throw failure('explicitly supplied container IDs conflict with the --all flag');
  }
  if (command === 'image delete' && (values.images as string[]).length === 0 && !all)
    throw failure('no images specified and --all not supplied');
  if (command === 'volume delete' && (values.names as string[]).length === 0 && !all)
    throw failure('no volumes specified and --all not supplied');
}
