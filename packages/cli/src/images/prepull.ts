import type { Config } from '@sandbox/config';
import type { Sandboxes } from '@sandbox/core';
import type { LanguageCatalog } from '@sandbox/languages';
import type { CommandContext } from '../command-context.ts';
import { failureOf } from '../failure.ts';
import { callerOf } from '../settings.ts';
import { surroundings, wantedImages } from './language-images.ts';
import { ImagePreparation, type ImageState } from './preparation.ts';
import { adapterWithImages } from './with-images.ts';

/** What a service makes ready behind its requests. */
export interface Prepull extends AsyncDisposable {
  /** For `/health`. */
  readonly states: Readonly<Record<string, ImageState>>;
}

/** Begins to make images ready at the runtime that `auto` takes. `INVALID_ARGUMENT` for a language that is none. Where no runtime has images, or nothing may be run, nothing is to be done. */
export async function startPrepull(
  context: CommandContext,
  { sandboxes, config, languages }: { sandboxes: Sandboxes; config: Config; languages: LanguageCatalog },
  onWarning: (message: string) => void,
): Promise<Prepull> {
  const wanted = await wantedImages(config, languages, config.parsed.values.server?.prepull);
  const stop = new AbortController();
  const { signal } = stop;
  const { SandboxError } = await import('@sandbox/core');
  const hasImages = sandboxes.adapters.some(({ images }) => images !== undefined);
  const preparation = new ImagePreparation(hasImages && config.enabled ? wanted : [], {
    async store() {
      const preferred = config.settingsFor(callerOf(context, {})).runtime;
      const adapter = await adapterWithImages(sandboxes.adapters, { signal, preferred });
      if (adapter?.images !== undefined) return adapter.images;
      throw new SandboxError('UNAVAILABLE', 'no runtime with images is there', { operation: 'prepare' });
    },
    options: surroundings(context),
    onFailure: (error, image) =>
      onWarning(`the image ${image} is not ready, and is tried again: ${failureOf(error).message}`),
  });
  const ended = preparation.untilReady(signal);
  return {
    get states() {
      return preparation.states;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}
