import type { Config, Prepull } from '@sandbox/config';
import type { ImageInfo, ImageStore } from '@sandbox/core';
import type { BuiltLanguage, Language, LanguageCatalog, RecipeOptions } from '@sandbox/languages';
import type { CommandContext } from '../command-context.ts';
import type { ImageWork } from './with-images.ts';

/** What some languages run in. */
export interface LanguageImage {
  readonly image: string;
  /** Names of the languages. */
  readonly languages: readonly string[];
  /** What it is built as; undefined where it comes from a registry. */
  readonly built: BuiltLanguage | undefined;
}

/** The images of these languages, each once, in order. Those without one run in `defaultImage`. Pure, but for what the module loads. */
export async function imagesOf(
  languages: readonly Language[],
  defaultImage: string,
): Promise<LanguageImage[]> {
  const { isBuilt } = await import('@sandbox/languages');
  const found = new Map<string, LanguageImage>();
  for (const language of languages) {
    const image = language.image ?? defaultImage;
    const known = found.get(image);
    const built = known?.built ?? (isBuilt(language) ? language : undefined);
    found.set(image, { image, languages: [...(known?.languages ?? []), language.id], built });
  }
  return [...found.values()];
}

/** The languages of these names; all of them when none is given. */
export async function chosenLanguages(
  catalog: LanguageCatalog,
  names: readonly string[],
): Promise<readonly Language[]> {
  const { languageNamed } = await import('@sandbox/languages');
  return names.length === 0 ? catalog.languages : names.map((name) => languageNamed(catalog, name));
}

/** `outdated`: there, and built with an earlier recipe than this program's. */
export type Presence = 'missing' | 'outdated' | 'ready';

export interface FoundImage {
  readonly state: Presence;
  readonly info?: ImageInfo | undefined;
}

export async function findImage(
  images: ImageStore,
  { image, built }: LanguageImage,
  signal: AbortSignal,
): Promise<FoundImage> {
  const { SandboxError } = await import('@sandbox/core');
  try {
    const info = await images.inspect(image, { signal });
    const { isCurrent } = await import('@sandbox/languages');
    return { info, state: built === undefined || (await isCurrent(built, info)) ? 'ready' : 'outdated' };
  } catch (error) {
    if (SandboxError.is(error) && error.code === 'NOT_FOUND') return { state: 'missing' };
    throw error;
  }
}

/** Builds it, or pulls one that is not built. */
export async function makeImage(
  { image, built }: LanguageImage,
  { images, signal, onProgress }: Pick<ImageWork, 'images' | 'signal' | 'onProgress'>,
  options: RecipeOptions,
): Promise<ImageInfo> {
  if (built === undefined) return images.pull(image, { signal, onProgress });
  const { imageBuild } = await import('@sandbox/languages');
  onProgress({ message: `building ${image}` });
  return images.build(await imageBuild(built, options), {
    signal,
    // Others may be built at the same time. Of what a step prints, a terminal shows the last line.
    onProgress: (step) =>
      onProgress({ ...step, message: `${image}: ${step.message}`, detail: step.current === undefined }),
  });
}

const PROXIES = ['http_proxy', 'https_proxy', 'ftp_proxy', 'all_proxy', 'no_proxy'];

/** How this machine reaches registries, as far as its environment says, which builds have no part in; and whose the image is. */
export function surroundings({ io: { env } }: CommandContext): RecipeOptions {
  const names = PROXIES.flatMap((name) => [name, name.toUpperCase()]).filter((name) => env[name]);
  return {
    buildArgs: Object.fromEntries(names.map((name) => [name, env[name] ?? ''])),
    labels: env.SANDBOX_SCOPE ? { 'dev.sandbox.scope': env.SANDBOX_SCOPE } : {},
  };
}

/** What languages without an image of their own run in. */
export async function defaultImageOf({ parsed }: Config): Promise<string> {
  const { BUILT_IN_DEFAULTS } = await import('@sandbox/core');
  return parsed.values.sandbox?.image ?? BUILT_IN_DEFAULTS.ephemeral.image;
}

/** The images that are to be ready: those of `wanted`, as `prepull` says it, else the default one. A directory needs no making. */
export async function wantedImages(
  config: Config,
  catalog: LanguageCatalog,
  wanted: Prepull | undefined,
): Promise<LanguageImage[]> {
  const defaultImage = await defaultImageOf(config);
  const byDefault = { image: defaultImage, languages: [], built: undefined };
  const { languageNamed } = await import('@sandbox/languages');
  const languages =
    wanted === 'all' ? catalog.languages : wanted?.map((name) => languageNamed(catalog, name));
  const images = languages === undefined ? [byDefault] : await imagesOf(languages, defaultImage);
  return images.filter(({ image }) => !image.startsWith('/'));
}
