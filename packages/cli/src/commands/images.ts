import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { declareBuild } from './images-build.ts';
import { declareImagesLs } from './images-ls.ts';
import { declareImagesPull } from './images-pull.ts';
import { declareUnpack } from './images-unpack.ts';

/** The group of commands on images. */
export function declareImages(program: Command, context: CommandContext): void {
  const { name } = context;
  const group = program
    .command('images')
    .description('make and list the images of languages, and unpack images')
    .addHelpText(
      'after',
      `\nExamples:\n  ${name} images build python node\n  ${name} images ls\n  ${name} images unpack debian:bookworm-slim ./bookworm\n\n${name} images COMMAND --help tells more.\n`,
    );
  declareBuild(group, context);
  declareImagesPull(group, context);
  declareImagesLs(group, context);
  declareUnpack(group, context);
}
