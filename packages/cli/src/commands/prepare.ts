import type { Command } from 'commander';
import { write } from '../cli-io.ts';
import { type CommandContext, jsonOption, languagesOf, runtimeOption } from '../command-context.ts';
import { EXIT } from '../exit-code.ts';
import { failureOf, failureText } from '../failure.ts';
import { surroundings, wantedImages } from '../images/language-images.ts';
import { ImagePreparation } from '../images/preparation.ts';
import { withImages } from '../images/with-images.ts';
import { table } from '../output/table.ts';
import { print, printJson } from '../print.ts';
import { configOption, loadSettings } from '../settings.ts';

interface PrepareFlags {
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function declarePrepare(program: Command, context: CommandContext): void {
  const { name } = context;
  program
    .command('prepare')
    .description('make images ready before they are needed')
    .argument('[LANG...]', 'languages (default: prepull of the configuration, else the default image)')
    .addOption(runtimeOption())
    .addOption(configOption())
    .addOption(jsonOption('what is ready'))
    .addHelpText(
      'after',
      `\nBuilds or pulls what is missing, two at a time, as ${name} serve does in the background.\n\nExamples:\n  ${name} prepare\n  ${name} prepare python node\n`,
    )
    .action(context.exits((names: string[], flags: PrepareFlags) => prepare(names, flags, context)));
}

async function prepare(
  names: readonly string[],
  { runtime, config: file, json }: PrepareFlags,
  context: CommandContext,
): Promise<number> {
  const config = await loadSettings(context, file);
  const wanted = names.length > 0 ? names : config.parsed.values.server?.prepull;
  const images = await wantedImages(config, await languagesOf(context), wanted);
  const failed: unknown[] = [];
  const code = await withImages(context, {
    ...{ runtime, config: file, json, does: 'makes ready' },
    async work(work) {
      const preparation = new ImagePreparation(images, {
        ...{ store: async () => work.images, options: surroundings(context), onProgress: work.onProgress },
        onFailure: (error) => failed.push(error),
      });
      await preparation.once(work.signal);
      return { runtime: work.runtime, images: preparation.states };
    },
    async show(ready) {
      if (json) return printJson(context, ready);
      const rows = Object.entries(ready.images).map(([image, state]) => [image, ready.runtime, state]);
      await print(context, table(rows));
    },
  });
  for (const error of failed) await write(context.io.stderr, failureText(failureOf(error), context.name));
  return code === EXIT.ok && failed.length > 0 ? EXIT.sandbox : code;
}
