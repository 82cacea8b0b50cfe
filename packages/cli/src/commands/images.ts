import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { declareUnpack } from './images-unpack.ts';

/** The group of commands on images. */
export function declareImages(program: Command, context: CommandContext): void {
  const group = program
    .command('images')
    .description('work with container images')
    .addHelpText(
      'after',
      `\nExamples:\n  ${context.name} images unpack debian:bookworm-slim ./bookworm\n\n${context.name} images COMMAND --help tells more.\n`,
    );
  declareUnpack(group, context);
}
