import type { RuntimeAdapter } from '../adapter/adapter.ts';
import type { ImageInfo } from '../adapter/images.ts';
import type { SandboxError } from '../errors/sandbox-error.ts';
import { isThere } from '../kept/find-sandbox.ts';
import { LABEL } from '../naming/labels.ts';
import type { Services } from '../services/services.ts';
import { onlyAvailable } from '../services/unavailable.ts';

/** Something of ours that a runtime has. */
export interface Belonging {
  readonly runtime: string;
  /** `image`: one that we built, or that a sandbox is made from. `extra`: what the runtime's adapter keeps besides. */
  readonly kind: 'sandbox' | 'volume' | 'image' | 'extra';
  readonly name: string;
  /** Null where the runtime does not tell. */
  readonly sizeBytes: number | null;
  /** Of an image: whether a sandbox of ours is made from it. */
  readonly inUse?: boolean;
  /** Of an image: whether we built it. Only such are ever removed. */
  readonly built?: boolean;
  /** Of an image that was built for a language: its name. */
  readonly language?: string;
  readonly createdAt?: Date;
}

export interface BelongingsOptions {
  readonly sizes: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onUnavailable?: ((reason: SandboxError) => void) | undefined;
}

/** All that is ours in this scope, at all runtimes that are there. */
export async function listBelongings(services: Services, options: BelongingsOptions): Promise<Belonging[]> {
  const lists = await onlyAvailable(services, options, async (adapter) =>
    (await isThere(services, adapter, 'usage', options.signal))
      ? belongingsAt(services, adapter, options)
      : [],
  );
  return lists.flat();
}

export async function belongingsAt(
  { scope }: Services,
  adapter: RuntimeAdapter,
  call: { readonly sizes: boolean; readonly signal?: AbortSignal | undefined },
): Promise<Belonging[]> {
  const { runtime } = adapter;
  const labels = { [LABEL.managed]: 'true', ...(scope !== undefined && { [LABEL.scope]: scope }) };
  const isOurs = (one: { readonly labels: Readonly<Record<string, string>> }) =>
    one.labels[LABEL.managed] === 'true' && one.labels[LABEL.scope] === scope;
  const [sandboxes, volumes = [], images = [], extras = []] = await Promise.all([
    adapter.list(labels, call),
    adapter.volumes?.list(labels, call),
    adapter.images?.list({}, call),
    adapter.extras?.(call),
  ]);
  const own = sandboxes.filter(isOurs);
  const usedImages = new Set(
    own.flatMap(({ image }) => (image === undefined ? [] : [image, `${image}:latest`])),
  );
  const isUsed = ({ id, tags }: ImageInfo) => [id, ...tags].some((name) => usedImages.has(name));
  const sized = (kind: 'sandbox' | 'volume') => (one: { name: string; sizeBytes?: number }) => ({
    ...{ runtime, kind, name: one.name, sizeBytes: one.sizeBytes ?? null },
  });
  return [
    ...own.map(sized('sandbox')),
    ...volumes.filter(isOurs).map(sized('volume')),
    ...images
      .filter((image) => isOurs(image) || isUsed(image))
      .map((image) => imageOf(runtime, image, { inUse: isUsed(image), built: isOurs(image) })),
    ...extras.map(({ name, sizeBytes }) => ({ runtime, kind: 'extra' as const, name, sizeBytes })),
  ];
}

function imageOf(
  runtime: string,
  { id, tags, sizeBytes, createdAt, labels }: ImageInfo,
  more: { readonly inUse: boolean; readonly built: boolean },
): Belonging {
  // One that was built again has lost its name to the new one.
  const language = tags.length > 0 ? labels[LABEL.language] : undefined;
  return {
    ...{ runtime, kind: 'image', name: tags[0] ?? id, sizeBytes },
    ...more,
    ...(language !== undefined && { language }),
    ...(createdAt && { createdAt }),
  };
}
