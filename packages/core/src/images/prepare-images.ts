import type { RuntimeAdapter } from '../adapter/adapter.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { findAdapter } from '../launch/select-runtime.ts';
import type { Sandboxes } from '../manager/sandboxes.ts';
import type { Services } from '../services/services.ts';

type PrepareOptions = Parameters<Sandboxes['prepare']>[0];

/** Pulls what is missing, at the runtime that was named, or at all that are there and have images. */
export async function prepareImages(services: Services, options: PrepareOptions): Promise<void> {
  const adapters = await runtimesFor(services, options);
  for (const adapter of adapters) {
    for (const image of options.images) {
      await services.images.ensure(adapter, { ...options, image, pull: 'missing' });
    }
  }
}

async function runtimesFor(
  services: Services,
  { runtime, signal }: PrepareOptions,
): Promise<RuntimeAdapter[]> {
  if (runtime !== undefined && runtime !== 'auto') {
    const adapter = findAdapter(services, runtime);
    if (adapter.images !== undefined) return [adapter];
    throw new SandboxError('UNSUPPORTED', `${runtime} has no images`, { operation: 'prepare', runtime });
  }
  const withImages = services.adapters.filter(({ images }) => images !== undefined);
  const probes = await Promise.all(withImages.map((adapter) => services.probes.probe(adapter, signal)));
  const healthy = withImages.filter((_, index) => probes[index]?.status === 'healthy');
  if (healthy.length > 0) return healthy;
  throw new SandboxError('UNAVAILABLE', 'no runtime with images is there', {
    operation: 'prepare',
    hint: '`sandbox doctor` says what is missing.',
  });
}
