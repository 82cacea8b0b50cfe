import { type CreateOptions, SandboxError } from '@sandbox/core';
import type { Language } from './language.ts';

/**
 * What a sandbox for a language is made of: its image, which is never looked for in a registry when it is one that is built here; where the runtime has no images, the host's own programs.
 * Nothing of it for another `image`. Pure.
 */
export function languageOptions(
  language: Language,
  image?: string,
): Pick<CreateOptions, 'image' | 'pull' | 'programs'> {
  if (image !== undefined) return { image };
  if (language.image === undefined) return {};
  const { programs = language.command(language.fileName, []).slice(0, 1) } = language;
  return {
    image: language.image,
    programs,
    ...(language.recipe !== undefined && { pull: 'never' as const }),
  };
}

/** A failure to make a sandbox of a language, which for an image that nobody has built says how to. Pure. */
export function languageFailure(language: Language, error: unknown, image?: string): unknown {
  const missing = SandboxError.is(error) && error.code === 'NOT_FOUND';
  if (!missing || image !== undefined || language.recipe === undefined) return error;
  if (error.operation !== 'images.inspect') return error;
  const { runtime, sandbox } = error;
  const on = runtime === undefined ? '' : ` --runtime ${runtime}`;
  return new SandboxError(
    'NOT_FOUND',
    `the image for ${language.id} is not on this host: ${language.image}`,
    {
      ...{ operation: 'images.inspect', runtime, sandbox, cause: error },
      hint: `Build it once, for all sandboxes: \`sandbox images build ${language.id}${on}\`.`,
    },
  );
}
