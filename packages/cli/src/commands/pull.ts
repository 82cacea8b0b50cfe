import type { Command } from 'commander';
import { type CommandContext, jsonOption, runtimeOption } from '../command-context.ts';
import { pullImage } from '../images/pull-image.ts';
import { withImages } from '../images/with-images.ts';
import { bytes } from '../output/quantities.ts';
import { print, printJson } from '../print.ts';
import { configOption } from '../settings.ts';

interface PullFlags {
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function declarePull(program: Command, context: CommandContext): void {
  program
    .command('pull')
    .description('fetch the newest version of an image from its registry')
    .argument('<IMAGE>', 'such as debian:bookworm-slim')
    .addOption(runtimeOption())
    .addOption(configOption())
    .addOption(jsonOption('what was pulled'))
    .addHelpText(
      'after',
      `\nExamples:\n  ${context.name} pull python:3.12-slim\n  ${context.name} pull --runtime docker debian:bookworm-slim\n`,
    )
    .action(context.exits((image: string, flags: PullFlags) => pull(image, flags, context)));
}

function pull(image: string, { runtime, config, json }: PullFlags, context: CommandContext): Promise<number> {
  return withImages(context, {
    runtime,
    config,
    json,
    does: 'pulls',
    work: async (work) => ({ runtime: work.runtime, ...(await pullImage(image, work)) }),
    async show(pulled) {
      if (json) return printJson(context, { image, ...pulled });
      await print(context, `${image} on ${pulled.runtime}: ${pulled.id} (${bytes(pulled.sizeBytes)})\n`);
    },
  });
}
