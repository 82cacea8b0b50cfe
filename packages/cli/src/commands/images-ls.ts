import type { Command } from 'commander';
import { type CommandContext, jsonOption, languagesOf, runtimeOption } from '../command-context.ts';
import { defaultImageOf, findImage, imagesOf } from '../images/language-images.ts';
import { withImages } from '../images/with-images.ts';
import { age, bytes } from '../output/quantities.ts';
import { table } from '../output/table.ts';
import { print, printJson } from '../print.ts';
import { configOption, loadSettings } from '../settings.ts';

interface LsFlags {
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function declareImagesLs(group: Command, context: CommandContext): void {
  const { name } = context;
  group
    .command('ls')
    .description('list the images that languages run in')
    .addOption(runtimeOption())
    .addOption(configOption())
    .addOption(jsonOption('the list'))
    .addHelpText(
      'after',
      `\nOutdated is one that an earlier version of ${name} has built; it is used as it is until it is built again.\n\nExamples:\n  ${name} images ls\n  ${name} images ls --json | jq -r '.[] | select(.state == "missing").image'\n`,
    )
    .action(context.exits((flags: LsFlags) => list(flags, context)));
}

async function list({ runtime, config, json }: LsFlags, context: CommandContext): Promise<number> {
  const { languages } = await languagesOf(context);
  const settings = await loadSettings(context, config);
  const { LABEL } = await import('@sandbox/core');
  const images = (await imagesOf(languages, await defaultImageOf(settings))).filter(
    ({ image }) => !image.startsWith('/'),
  );
  return withImages(context, {
    ...{ runtime, config, json, does: 'lists' },
    work: (work) =>
      Promise.all(
        images.map(async (one) => {
          const { state, info } = await findImage(work.images, one, work.signal);
          const { id = null, sizeBytes = null, createdAt, labels } = info ?? {};
          const { image, languages } = one;
          const base = labels?.[LABEL.base] ?? null;
          return {
            image,
            languages,
            runtime: work.runtime,
            state,
            id,
            sizeBytes,
            base,
            createdAt: createdAt ?? null,
          };
        }),
      ),
    async show(found) {
      if (json) return printJson(context, found);
      const now = new Date();
      const rows = found.map(({ image, languages, runtime, state, sizeBytes, base, createdAt }) => [
        ...[image, languages.join(', '), runtime, state],
        ...[
          sizeBytes === null ? '-' : bytes(sizeBytes),
          createdAt === null ? '-' : age(createdAt, now),
          base ?? '-',
        ],
      ]);
      await print(
        context,
        table([['IMAGE', 'LANGUAGES', 'RUNTIME', 'STATE', 'SIZE', 'AGE', 'BASE'], ...rows]),
      );
    },
  });
}
