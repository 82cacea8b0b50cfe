import { setTimeout as sleep } from 'node:timers/promises';
import type { ImageStore, OnImageProgress } from '@sandbox/core';
import type { RecipeOptions } from '@sandbox/languages';
import { findImage, type LanguageImage, makeImage } from './language-images.ts';
import { AT_ONCE, Places } from './places.ts';

/** `missing`: not looked at yet, or waiting for its turn. */
export type ImageState = 'missing' | 'pulling' | 'ready' | 'failed';

export interface PreparationOptions {
  /** The images of the runtime that is there now; asked anew for each. */
  store(): Promise<ImageStore>;
  readonly options: RecipeOptions;
  onFailure(error: unknown, image: string): void;
  readonly onProgress?: OnImageProgress | undefined;
  /** Waits between two attempts at an image, in milliseconds. Default: does so without keeping the program alive. */
  wait?(ms: number, signal: AbortSignal): Promise<void>;
}

const FIRST_WAIT_MS = 10_000;
const LONGEST_WAIT_MS = 600_000;

/** Builds or pulls images before they are needed, two at a time. */
export class ImagePreparation {
  readonly #images: readonly LanguageImage[];
  readonly #options: PreparationOptions;
  readonly #states = new Map<string, ImageState>();
  readonly #places = new Places(AT_ONCE);

  constructor(images: readonly LanguageImage[], options: PreparationOptions) {
    this.#images = images;
    this.#options = options;
    for (const { image } of images) this.#states.set(image, 'missing');
  }

  /** By image. */
  get states(): Readonly<Record<string, ImageState>> {
    return Object.fromEntries(this.#states);
  }

  /** Each of them once; failures have been told. Throws only what `signal` says. */
  async once(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#images.map((image) => this.#attempt(image, signal)));
    signal.throwIfAborted();
  }

  /** Until all are ready: what fails is tried again, later and later. Ends with `signal`, never rejects. */
  async untilReady(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#images.map((image) => this.#retry(image, signal)));
  }

  async #retry(image: LanguageImage, signal: AbortSignal): Promise<void> {
    const { wait = sleepUnnoticed } = this.#options;
    for (let waitMs = FIRST_WAIT_MS; !(await this.#attempt(image, signal)); ) {
      if (signal.aborted) return;
      await wait(waitMs, signal).catch(() => {});
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    }
  }

  /** Whether it is ready. */
  async #attempt(image: LanguageImage, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#places.taking(() => this.#prepare(image, signal));
      this.#states.set(image.image, 'ready');
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      this.#states.set(image.image, 'failed');
      this.#options.onFailure(error, image.image);
      return false;
    }
  }

  async #prepare(image: LanguageImage, signal: AbortSignal): Promise<void> {
    const { store, options, onProgress = () => {} } = this.#options;
    signal.throwIfAborted();
    const images = await store();
    const { state } = await findImage(images, image, signal);
    if (state === 'ready') return;
    this.#states.set(image.image, 'pulling');
    await makeImage(image, { images, signal, onProgress }, options);
  }
}

function sleepUnnoticed(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal, ref: false });
}
