import type { ImageInfo } from '@sandbox/core';
import type { ImageWork } from './with-images.ts';

/** Pulls, and says so where it is here already and only its registry could not be asked. */
export async function pullImage(
  image: string,
  { images, signal, onProgress }: ImageWork,
): Promise<ImageInfo> {
  try {
    return await images.pull(image, { signal, onProgress });
  } catch (error) {
    const { SandboxError } = await import('@sandbox/core');
    const here = await images.inspect(image).catch(() => undefined);
    if (here === undefined || !SandboxError.is(error)) throw error;
    const hint = `${image} is on this host already, and runs use it; only its registry could not be asked.`;
    throw new SandboxError(error.code, error.message, { ...error, hint, cause: error });
  }
}

/** Pulls what is not here, unless that is forbidden. */
export async function ensureImage(
  image: string,
  when: 'missing' | 'always' | 'never',
  work: ImageWork,
): Promise<void> {
  if (when === 'always') return void (await pullImage(image, work));
  const { SandboxError } = await import('@sandbox/core');
  const { images, signal, onProgress } = work;
  try {
    await images.inspect(image, { signal });
  } catch (error) {
    const missing = SandboxError.is(error) && error.code === 'NOT_FOUND';
    if (!missing || when === 'never') throw error;
    await images.pull(image, { signal, onProgress });
  }
}
