import type { Command } from 'commander';
import { type CommandContext, jsonOption, languagesOf, runtimeOption } from '../command-context.ts';
import { chosenLanguages, imagesOf } from '../images/language-images.ts';
import { pullImage } from '../images/pull-image.ts';
import { withImages } from '../images/with-images.ts';
import { bytes } from '../output/quantities.ts';
import { table } from '../output/table.ts';
import { print, printJson } from '../print.ts';
import { configOption } from '../settings.ts';

interface PullFlags {
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function declareImagesPull(group: Command, context: CommandContext): void {
  const { name } = context;
  group
    .command('pull')
    .description('fetch the newest versions of what the images of languages are built on')
    .argument('[LANG...]', 'such as python; without any, all that have one')
    .addOption(runtimeOption())
    .addOption(configOption())
    .addOption(jsonOption('what was pulled'))
    .addHelpText(
      'after',
      `\nThe next ${name} images build then builds on them. Any other image: ${name} pull IMAGE.\n\nExamples:\n  ${name} images pull python && ${name} images build python\n`,
    )
    .action(context.exits((names: string[], flags: PullFlags) => pull(names, flags, context)));
}

async function pull(
  names: readonly string[],
  { runtime, config, json }: PullFlags,
  context: CommandContext,
): Promise<number> {
  const { officialBase } = await import('@sandbox/languages');
  const chosen = await chosenLanguages(await languagesOf(context), names);
  return withImages(context, {
    ...{ runtime, config, json, does: 'pulls' },
    async work(work) {
      const pulled = [];
      for (const { image, languages, built } of await imagesOf(chosen.filter(hasImage), '')) {
        const base = built === undefined ? image : await officialBase(built);
        const { id, sizeBytes } = await pullImage(base, work);
        pulled.push({ image: base, languages, runtime: work.runtime, id, sizeBytes });
      }
      return pulled;
    },
    async show(pulled) {
      if (json) return printJson(context, pulled);
      const rows = pulled.map(({ image, languages, sizeBytes, ...one }) => [
        ...[image, languages.join(', '), one.runtime, bytes(sizeBytes)],
      ]);
      await print(context, table([['IMAGE', 'LANGUAGES', 'RUNTIME', 'SIZE'], ...rows]));
    },
  });
}

const hasImage = ({ image }: { readonly image?: string | undefined }) => image !== undefined;
