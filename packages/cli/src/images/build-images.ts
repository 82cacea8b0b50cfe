import type { RecipeOptions } from '@sandbox/languages';
import { type LanguageImage, makeImage } from './language-images.ts';
import { AT_ONCE, Places } from './places.ts';
import type { ImageWork } from './with-images.ts';

/** One that was built, in the names of `--json`. */
export interface MadeImage {
  readonly image: string;
  readonly languages: readonly string[];
  readonly runtime: string;
  readonly id: string;
  readonly sizeBytes: number;
  readonly durationMs: number;
}

/** Builds them all, two at a time. One that cannot be built is told of, and keeps the others from nothing. */
export async function buildImages(
  images: readonly LanguageImage[],
  work: ImageWork,
  options: RecipeOptions,
  onFailure: (error: unknown, image: string) => void,
): Promise<MadeImage[]> {
  const places = new Places(AT_ONCE);
  const build = async (given: LanguageImage): Promise<MadeImage | undefined> => {
    const { image, languages } = given;
    const { runtime, signal } = work;
    try {
      signal.throwIfAborted();
      const startedAt = performance.now();
      const { id, sizeBytes } = await makeImage(given, work, options);
      const durationMs = Math.round(performance.now() - startedAt);
      return { image, languages, runtime, id, sizeBytes, durationMs };
    } catch (error) {
      if (!signal.aborted) onFailure(error, image);
      return undefined;
    }
  };
  const made = await Promise.all(images.map((image) => places.taking(() => build(image))));
  work.signal.throwIfAborted();
  return made.filter((image) => image !== undefined);
}
