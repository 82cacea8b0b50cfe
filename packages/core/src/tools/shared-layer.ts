import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ImageInfo, ImageStore } from '../adapter/images.ts';
import { untilAborted } from '../errors/aborts.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { createEphemeral } from '../launch/ephemeral.ts';
import { LABEL } from '../naming/labels.ts';
import type { Services } from '../services/services.ts';
import { inTurn } from '../services/turns.ts';
import { tarArchive } from '../transfer/tar-archive.ts';
import { BuildLines } from './build-lines.ts';
import { takeBuild } from './build-turn.ts';
import {
  PACKAGE_MANAGER_PATHS,
  PACKAGE_MANAGERS,
  type PackageManager,
  packageManagerOf,
  toolLayerName,
  toolsDockerfile,
} from './index.ts';
import type { ToolsRequest } from './tools-request.ts';

/** How long whoever gave a build up waits for what it left to be removed. */
const REMOVAL_MS = 10_000;
const LOOKS = 3;
const LOOK_AGAIN_MS = 400;
/** What fetching and unpacking some hundred megabytes may take. */
const BUILD_MS = 1_200_000;

export interface LayerRequest extends ToolsRequest {
  readonly image: string;
}

type Layer = ImageInfo & { readonly name: string };

/**
 * The image with the tools on top of another one, built where it is not there yet. Those who need the same one at once wait for one build. Throws why there is none; nothing remembers that, so the next sandbox tries again.
 */
export async function ensureToolLayer(services: Services, request: LayerRequest): Promise<Layer> {
  const { adapter, image, tools, signal } = request;
  const { images } = adapter;
  if (images === undefined) throw refused(request, `${adapter.runtime} has no images`);
  const base = await images.inspect(image, { signal });
  const name = toolLayerName(base.id, tools.names);
  const known = await existing(images, name, signal);
  if (known !== undefined) return { ...known, name };
  const context = { operation: 'tools', runtime: adapter.runtime };
  const turn = inTurn(services, { key: `${adapter.runtime} ${name}`, signal, ...context }, async () => {
    const release = await takeBuild(signal, () =>
      request.options.onProgress?.({
        message: 'waiting for another program that installs development tools',
      }),
    );
    try {
      return (await existing(images, name, signal)) ?? (await build(services, images, { ...request, name }));
    } finally {
      release();
    }
  });
  return { ...(await untilAborted(turn, signal, context)), name };
}

async function existing(
  images: ImageStore,
  name: string,
  signal: AbortSignal,
): Promise<ImageInfo | undefined> {
  try {
    return await images.inspect(name, { signal });
  } catch (error) {
    if (SandboxError.is(error) && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

async function build(
  services: Services,
  images: ImageStore,
  request: LayerRequest & { readonly name: string },
): Promise<ImageInfo> {
  const { image, name, tools, options, signal } = request;
  await checkCanBuild(services, request);
  checkMayBuild(request);
  const manager = await managerOf(services, request);
  const { scope } = services;
  const { onProgress } = options;
  onProgress?.({ message: `installing development tools on ${image}, once for all its sandboxes` });
  const lines = new BuildLines();
  const deadline = AbortSignal.timeout(BUILD_MS);
  const labels = {
    [LABEL.managed]: 'true',
    [LABEL.tools]: tools.names.join(' '),
    [LABEL.build]: randomBytes(8).toString('hex'),
    ...(scope !== undefined && { [LABEL.scope]: scope }),
  };
  try {
    const dockerfile = toolsDockerfile({ manager, base: image, tools: tools.names, labels });
    return await images.build(
      { tag: name, context: tarArchive({ Dockerfile: Buffer.from(dockerfile) }), labels },
      {
        signal: AbortSignal.any([signal, deadline]),
        onProgress: (progress) => onProgress?.(lines.take(progress)),
      },
    );
  } catch (error) {
    await removeUnfinished(images, labels, signal.aborted || deadline.aborted);
    if (!SandboxError.is(error)) throw error;
    if (deadline.aborted)
      throw refused(request, `installing them took more than ${BUILD_MS / 60_000} minutes`);
    throw refused(
      request,
      `they could not be installed on ${image}: ${lines.reason || lastLine(error.message)}`,
    );
  }
}

/** Some engines say the whole command before what became of it. */
function lastLine(message: string): string {
  return message.trimEnd().split('\n').at(-1) ?? message;
}

async function checkCanBuild(services: Services, request: LayerRequest): Promise<void> {
  const { capabilities } = await services.probes.probe(request.adapter, request.signal);
  const { support, how } = capabilities.facets.build;
  if (support === 'unsupported')
    throw refused(request, `${request.adapter.runtime} builds no images: ${how}`);
}

/** What an engine keeps of the steps that were done; one that was given up is done with its step only a moment later. `prune` finds what is left even so. */
async function removeUnfinished(
  images: ImageStore,
  { [LABEL.build]: build = '' }: Readonly<Record<string, string>>,
  wasGivenUp: boolean,
): Promise<void> {
  const signal = AbortSignal.timeout(REMOVAL_MS);
  for (let looks = wasGivenUp ? LOOKS : 1; looks > 0 && !signal.aborted; looks -= 1) {
    if (wasGivenUp) await sleep(LOOK_AGAIN_MS);
    const left = await images.list({ [LABEL.build]: build }, { signal }).catch(() => []);
    for (const { id } of left) await images.remove(id, { signal }).catch(() => {});
  }
}

/** A build runs what is in the image as root, with a network. */
function checkMayBuild(request: LayerRequest): void {
  const { sources, ceiling, trust } = request.resolved;
  if (sources.image !== 'request') return;
  if (ceiling.allowRoot !== false && ceiling.allowNetwork !== false) return;
  throw refused(
    request,
    `installing them on an image that was asked for takes root and a network, and trust ${trust} may not have both`,
  );
}

/** Looks into the image as a guest of it: nothing in it is run, and it is nobody else's. */
async function managerOf(services: Services, request: LayerRequest): Promise<PackageManager> {
  const { adapter, image, signal, options } = request;
  const { user, cron, trust } = options;
  const { bestEffort } = request.resolved.policy;
  const box = await createEphemeral(services, {
    options: { runtime: adapter.runtime, image, pull: 'never', signal, user, cron, trust },
    policy: { bestEffort },
    start: true,
  });
  try {
    const paths = Object.values(PACKAGE_MANAGER_PATHS);
    const there = await Promise.all(paths.map((path) => box.files.exists(path, { signal })));
    const manager = packageManagerOf(paths.filter((_, index) => there[index]));
    if (manager !== undefined) return manager;
  } finally {
    await box.remove();
  }
  throw refused(request, `${image} has none of the package managers ${PACKAGE_MANAGERS.join(', ')}`);
}

function refused({ adapter }: LayerRequest, why: string): SandboxError {
  return new SandboxError('FAILED_PRECONDITION', why, { operation: 'tools', runtime: adapter.runtime });
}
