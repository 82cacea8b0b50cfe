import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { RecipeOptions } from '@sandbox/languages';
import { type Command, Option } from 'commander';
import { type CommandContext, jsonOption, languagesOf, runtimeOption } from '../command-context.ts';
import { EXIT } from '../exit-code.ts';
import { type Failure, failureOf } from '../failure.ts';
import { buildImages } from '../images/build-images.ts';
import { chosenLanguages, imagesOf, surroundings } from '../images/language-images.ts';
import { withImages } from '../images/with-images.ts';
import { bytes, duration } from '../output/quantities.ts';
import { table } from '../output/table.ts';
import { print, printJson, tellFailures } from '../print.ts';
import { configOption } from '../settings.ts';
import { UsageError } from '../usage-error.ts';

interface BuildFlags {
  readonly base?: string;
  readonly certificates?: string;
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function declareBuild(group: Command, context: CommandContext): void {
  const { name } = context;
  group
    .command('build')
    .description('build the images that languages run in')
    .argument('[LANG...]', 'such as python; without any, all that are built')
    .addOption(
      new Option(
        '--base <image>',
        'what to build on, such as debian:trixie-slim (default: the official image of each)',
      ),
    )
    .addOption(
      new Option(
        '--certificates <file>',
        'PEM file of authorities that registries here need besides the usual ones; no image keeps it',
      ),
    )
    .addOption(runtimeOption())
    .addOption(configOption())
    .addOption(jsonOption('what was built'))
    .addHelpText(
      'after',
      `
Takes minutes and needs a network: a build runs as root what it fetches. What the engine has of an earlier build is used again. Proxies of the environment are passed on.

Examples:
  ${name} images build python
  ${name} images build --runtime podman node ruby
  ${name} images build --base debian:trixie-slim go
`,
    )
    .action(context.exits((names: string[], flags: BuildFlags) => build(names, flags, context)));
}

async function build(names: readonly string[], flags: BuildFlags, context: CommandContext): Promise<number> {
  const { base, json, runtime, config } = flags;
  const { checkBase, isBuilt } = await import('@sandbox/languages');
  if (base !== undefined) checkBase(base);
  const chosen = await chosenLanguages(await languagesOf(context), names);
  const other = names.length > 0 ? chosen.find((language) => !isBuilt(language)) : undefined;
  if (other !== undefined)
    throw new UsageError(
      `the image for ${other.id} is not built: it runs in ${other.image ?? 'the default image'}`,
      `Fetch it in its place: ${context.name} prepare ${other.id}`,
    );
  const certificates = await certificatesOf(flags, context);
  const options: RecipeOptions = { ...surroundings(context), base, certificates };
  const failures: Failure[] = [];
  const code = await withImages(context, {
    ...{ runtime, config, json, does: 'builds' },
    work: async (work) =>
      buildImages(await imagesOf(chosen.filter(isBuilt), ''), work, options, (error, image) => {
        const failure = failureOf(error);
        failures.push({ ...failure, message: `${image} was not built: ${failure.message}` });
      }),
    async show(made) {
      if (json) return printJson(context, made);
      const rows = made.map(({ image, languages, sizeBytes, durationMs, ...one }) => [
        ...[image, languages.join(', '), one.runtime, bytes(sizeBytes), duration(durationMs)],
      ]);
      if (rows.length > 0)
        await print(context, table([['IMAGE', 'LANGUAGES', 'RUNTIME', 'SIZE', 'TOOK'], ...rows]));
    },
  });
  const failed = await tellFailures(context, failures);
  return code === EXIT.ok ? failed : code;
}

async function certificatesOf(
  { certificates }: BuildFlags,
  { io }: CommandContext,
): Promise<Uint8Array | undefined> {
  if (certificates === undefined) return undefined;
  const hint = 'Name a file with certificates in PEM.';
  const content = await readFile(resolve(io.cwd, certificates)).catch((error: Error) => {
    throw new UsageError(`--certificates ${certificates}: ${error.message}`, hint);
  });
  if (content.includes('-----BEGIN CERTIFICATE-----')) return content;
  throw new UsageError(`--certificates ${certificates}: there is no certificate in it`, hint);
}
