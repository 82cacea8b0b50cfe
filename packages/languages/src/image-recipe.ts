import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ImageBuild, type ImageInfo, LABEL, SandboxError, tarArchive } from '@sandbox/core';
import type { Language } from './language.ts';

/** A language whose image is built. */
export type BuiltLanguage = Language & { readonly image: string; readonly recipe: URL };

/** How a build differs from the recipe. */
export interface RecipeOptions {
  /** What to build on. Default: the official image that the Dockerfile names. */
  readonly base?: string | undefined;
  /** Certificates in PEM of authorities that the registries of this network need besides the usual ones. No image keeps them. */
  readonly certificates?: Uint8Array | undefined;
  /** Other arguments of the build, such as `https_proxy`. */
  readonly buildArgs?: Readonly<Record<string, string>> | undefined;
  /** Besides those that say what it is. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** Where a Dockerfile finds certificates, always. */
const CERTIFICATES = 'certificates.pem';
/** What a Dockerfile's `FROM` takes, without saying more than a name. */
const REFERENCE = /^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/;

/** Whether the image of a language is built, and in no registry. Pure. */
export const isBuilt = (language: Language): language is BuiltLanguage =>
  language.image !== undefined && language.recipe !== undefined;

/** `INVALID_ARGUMENT` for what is no reference of an image. Pure. */
export function checkBase(base: string): void {
  if (REFERENCE.test(base)) return;
  throw new SandboxError('INVALID_ARGUMENT', `${JSON.stringify(base)} is not the reference of an image`, {
    operation: 'images.build',
    hint: 'Name an image, such as debian:trixie-slim.',
  });
}

/** All that an engine needs to build the image of a language. `INVALID_ARGUMENT` for a base that is no reference. */
export async function imageBuild(language: BuiltLanguage, options: RecipeOptions = {}): Promise<ImageBuild> {
  const { base, certificates = new Uint8Array(), buildArgs, labels } = options;
  if (base !== undefined) checkBase(base);
  const files = await filesOf(language.recipe);
  return {
    tag: language.image,
    context: tarArchive({ ...files, [CERTIFICATES]: certificates }),
    buildArgs: { ...buildArgs, ...(base !== undefined && { BASE: base }) },
    labels: {
      ...labels,
      [LABEL.managed]: 'true',
      [LABEL.language]: language.id,
      [LABEL.recipe]: hashOf(files),
      [LABEL.base]: base ?? baseOf(files, language),
    },
  };
}

/** The official image that the image of a language is built on. */
export async function officialBase(language: BuiltLanguage): Promise<string> {
  return baseOf(await filesOf(language.recipe), language);
}

/** Whether an image is what the recipe makes now, whatever it was built on. */
export async function isCurrent(
  language: BuiltLanguage,
  { labels }: Pick<ImageInfo, 'labels'>,
): Promise<boolean> {
  return labels[LABEL.recipe] === hashOf(await filesOf(language.recipe));
}

type Files = Readonly<Record<string, Uint8Array>>;

async function filesOf(recipe: URL): Promise<Files> {
  const directory = fileURLToPath(recipe);
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const read = paths.map(async (path) => [
    path.slice(directory.length).replaceAll('\\', '/').replace(/^\//, ''),
    await readFile(path),
  ]);
  return Object.fromEntries(await Promise.all(read));
}

function hashOf(files: Files): string {
  return createHash('sha256').update(tarArchive(files)).digest('hex').slice(0, 24);
}

function baseOf({ Dockerfile }: Files, { id }: Language): string {
  const [, base] = /^ARG BASE=(\S+)$/m.exec(Buffer.from(Dockerfile ?? []).toString()) ?? [];
  if (base === undefined) throw new TypeError(`the Dockerfile of ${id} has no ARG BASE=IMAGE`);
  return base;
}
