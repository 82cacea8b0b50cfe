import type { RuntimeAdapter } from '../adapter/adapter.ts';
import type { ImageInfo, ImageStore, OnImageProgress } from '../adapter/images.ts';
import { SandboxError } from '../errors/sandbox-error.ts';

/** Long enough for one-shots in a row to ask once, short enough for a tag that moved. */
const FRESH_MS = 10_000;

export interface ImageRequest {
  readonly image: string;
  readonly pull?: 'missing' | 'always' | 'never' | undefined;
  readonly onProgress?: OnImageProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Makes sure that images are there, and remembers for a moment what runtimes said of them. */
export class ImageCache {
  readonly #known = new Map<RuntimeAdapter, Map<string, { info: ImageInfo; until: number }>>();

  /** Undefined for a runtime that has no images. `NOT_FOUND` for one that is not here and cannot be had. */
  async ensure(adapter: RuntimeAdapter, request: ImageRequest): Promise<ImageInfo | undefined> {
    const { images } = adapter;
    if (images === undefined) return undefined;
    const { image, pull = 'missing' } = request;
    checkPull(pull);
    const known = this.#known.get(adapter)?.get(image);
    if (pull !== 'always' && known !== undefined && performance.now() < known.until) return known.info;
    const info =
      pull === 'always'
        ? await this.#pull(adapter, images, request)
        : await this.#find(adapter, images, request);
    this.#remember(adapter, image, info);
    return info;
  }

  forget(adapter: RuntimeAdapter, image: string): void {
    this.#known.get(adapter)?.delete(image);
  }

  async #find(adapter: RuntimeAdapter, images: ImageStore, request: ImageRequest): Promise<ImageInfo> {
    const { image, signal } = request;
    try {
      return await images.inspect(image, { signal });
    } catch (error) {
      if (!SandboxError.is(error) || error.code !== 'NOT_FOUND') throw error;
      if (request.pull !== 'never') return this.#pull(adapter, images, request);
      throw new SandboxError(
        'NOT_FOUND',
        `the image ${image} is not on this host, and pulling it was forbidden`,
        {
          operation: 'images.inspect',
          runtime: adapter.runtime,
          hint: `Pull it first: \`sandbox pull ${image}\`, or allow it with \`--pull missing\`.`,
          cause: error,
        },
      );
    }
  }

  async #pull(adapter: RuntimeAdapter, images: ImageStore, request: ImageRequest): Promise<ImageInfo> {
    const { image, signal, onProgress } = request;
    try {
      return await images.pull(image, { signal, ...(onProgress && { onProgress }) });
    } catch (error) {
      throw SandboxError.withContext(error, {
        operation: 'images.pull',
        runtime: adapter.runtime,
        hint: `Check the name ${image} and the network, or give an image that is on this host with \`--image\`.`,
      });
    }
  }

  #remember(adapter: RuntimeAdapter, image: string, info: ImageInfo): void {
    const known = this.#known.get(adapter) ?? new Map();
    this.#known.set(adapter, known);
    known.set(image, { info, until: performance.now() + FRESH_MS });
  }
}

function checkPull(pull: string): void {
  if (['missing', 'always', 'never'].includes(pull)) return;
  throw new SandboxError('INVALID_ARGUMENT', `pull is ${JSON.stringify(pull)}`, {
    operation: 'images.pull',
    hint: 'It is missing, always or never.',
  });
}
