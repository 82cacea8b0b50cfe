import { resolve } from 'node:path';
import type { UnpackedImage } from '@sandbox/core';
import { type Command, Option } from 'commander';
import { type CommandContext, jsonOption } from '../command-context.ts';
import { ensureImage } from '../images/pull-image.ts';
import { withImages } from '../images/with-images.ts';
import { printable } from '../output/printable.ts';
import { bytes } from '../output/quantities.ts';
import { print, printJson } from '../print.ts';
import { configOption } from '../settings.ts';

interface UnpackFlags {
  readonly runtime?: string;
  readonly config?: string;
  readonly pull?: 'missing' | 'always' | 'never';
  readonly json?: boolean;
}

export function declareUnpack(group: Command, context: CommandContext): void {
  const { name } = context;
  group
    .command('unpack')
    .description('make a directory of the files of an image, for a runtime that has no images')
    .argument('<IMAGE>', 'such as debian:bookworm-slim')
    .argument('<DIR>', 'a directory that is not there yet, or an empty one')
    .addOption(new Option('--runtime <name>', 'the engine that has the image, or pulls it'))
    .addOption(configOption())
    .addOption(
      new Option('--pull <when>', 'when to pull the image (default: missing)').choices([
        'missing',
        'always',
        'never',
      ]),
    )
    .addOption(jsonOption('what was unpacked'))
    .addHelpText(
      'after',
      `
The files belong to who unpacks them. Nothing in the image is run. Devices and set-user-id bits are left out; the image's environment is kept.

Examples:
  ${name} images unpack debian:bookworm-slim ./bookworm
  ${name} run --runtime nsjail --image "$PWD/bookworm" -- cat /etc/os-release
  ${name} images unpack --runtime docker --pull never my-image:1 /srv/roots/my-image
`,
    )
    .action(
      context.exits((image: string, directory: string, flags: UnpackFlags) =>
        unpack(image, directory, flags, context),
      ),
    );
}

function unpack(
  image: string,
  given: string,
  { runtime, config, pull = 'missing', json }: UnpackFlags,
  context: CommandContext,
): Promise<number> {
  const directory = resolve(context.io.cwd, given);
  return withImages(context, {
    runtime,
    config,
    json,
    does: 'gives the files of',
    able: (images) => images.export !== undefined,
    async work(work) {
      const { unpackImage } = await import('@sandbox/core');
      await ensureImage(image, pull, work);
      const { images, signal, onProgress } = work;
      const unpacked = await unpackImage(images, { image, directory, signal, onProgress });
      return { image, runtime: work.runtime, ...unpacked };
    },
    show: (unpacked) =>
      json ? printJson(context, unpacked) : print(context, unpackedText(image, unpacked, context.name)),
  });
}

function unpackedText(image: string, unpacked: UnpackedImage, name: string): string {
  const { directory, entries, leftOut } = unpacked;
  const parts = [
    leftOut.devices > 0 && `${leftOut.devices} devices`,
    leftOut.setIds > 0 && `${leftOut.setIds} set-user-id bits`,
  ].filter(Boolean);
  const without = parts.length > 0 ? `, without ${parts.join(' and ')}` : '';
  return `${printable(directory)}: ${image}, ${entries} entries, ${bytes(unpacked.bytes)}${without}
next: ${name} run --runtime nsjail --image ${quoted(directory)} -- cat /etc/os-release
`;
}

/** As a shell takes it. */
function quoted(word: string): string {
  return /^[\w./:=-]+$/.test(word) ? word : `'${printable(word).replaceAll("'", "'\\''")}'`;
}
