import { createHash } from 'node:crypto';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun } from './command.ts';
import { ensurePackages } from './debian-packages.ts';
import type { Host } from './host.ts';
import type { ImageRecipe } from './image-recipes.ts';
import { cacheDirectory, stateDirectory } from './places.ts';
import type { BringUpContext } from './runtime.ts';

/** The Debian package that root file systems are made with. */
export const imageBuilder = 'mmdebstrap';

/** What the published slim image leaves out, so that packages installed later are slim too. */
const leftOut = ['doc', 'man', 'info', 'groff', 'lintian', 'linda', 'locale'];

const options = [
  '--variant=minbase',
  ...leftOut.map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
  '--dpkgopt=path-include=/usr/share/doc/*/copyright',
  // As in the published one: what is installed later need not be on the disk at once.
  '--dpkgopt=force-unsafe-io',
  // This machine's name and name servers are not the image's.
  '--customize-hook=rm -f "$1/etc/hostname" "$1/etc/resolv.conf"',
];

/**
 * A tar archive of a root file system made from Debian's packages, made once and kept in the cache. Any engine can
 * import it, and it can be unpacked for one that needs a directory.
 */
export async function ensureRootFileSystem(
  recipe: ImageRecipe,
  host: Host,
  context: BringUpContext,
): Promise<string> {
  const { suite } = recipe;
  const args = [
    ...options,
    ...(recipe.packages.length === 0
      ? []
      : [`--include=${recipe.packages.join(',')}`, '--aptopt=APT::Install-Recommends "false"']),
  ];
  const digest = createHash('sha256')
    .update(JSON.stringify([suite, args]))
    .digest('hex')
    .slice(0, 12);
  const slug = recipe.name.replaceAll(/[^a-z0-9]+/g, '-');
  const archive = join(cacheDirectory(), `${slug}-${process.arch}-${digest}.tar`);
  if (existsSync(archive)) return archive;

  await ensurePackages([imageBuilder], `Making the image ${recipe.name}`, host, context);
  // mmdebstrap goes by the ending, so the unfinished one keeps it.
  const unfinished = archive.replace(/\.tar$/, `.${process.pid}.tar`);
  try {
    await context.progress.step(`making a root file system for ${recipe.name}`, () =>
      mustRun(imageBuilder, [...args, suite, unfinished], {
        signal: context.signal,
        timeoutMs: 900_000,
        logFile: join(stateDirectory(), 'mmdebstrap.log'),
      }),
    );
    renameSync(unfinished, archive);
  } finally {
    rmSync(unfinished, { force: true });
  }
  return archive;
}
