import { notInstalled } from './debian-packages.ts';
import { findGo } from './go.ts';
import { defaultImage, type ImageRecipe, testImage } from './image-recipes.ts';
import { imageBuilder } from './root-file-system.ts';
import type { BringUpContext, ImageOutcome, RuntimeStatus, TestbedRuntime } from './runtime.ts';
import { SetupRefused } from './runtime.ts';

export interface BroughtUp {
  readonly runtime: string;
  readonly status: RuntimeStatus;
  /** Whether this call started it; what was there before is not to be stopped on its account. */
  readonly started: boolean;
  readonly images: Readonly<Record<string, ImageOutcome>>;
}

export const imagesForTests: readonly ImageRecipe[] = [defaultImage, testImage];

/** Makes one runtime healthy, with these images in it, changing as little as possible. */
export async function bringUp(
  runtime: TestbedRuntime,
  images: readonly ImageRecipe[],
  context: BringUpContext,
): Promise<BroughtUp> {
  const { progress } = context;
  const before = await progress.step(`looking for ${runtime.name}`, () => runtime.detect());
  if (before.state === 'unhealthy') throw unhealthy(runtime, before);
  if (before.state === 'absent') await runtime.install(context);

  // Installing may have started it.
  let status = before.state === 'absent' ? await runtime.detect() : before;
  if (status.state === 'stopped') {
    await runtime.start(context);
    status = await runtime.detect();
  }
  if (status.state !== 'healthy') throw unhealthy(runtime, status);

  const outcomes: Record<string, ImageOutcome> = {};
  for (const image of images) outcomes[image.name] = await runtime.ensureImage(image, context);
  const started = before.state !== 'healthy' && status.startedByTestbed === true;
  return { runtime: runtime.name, status, started, images: outcomes };
}

/** The first of these that is healthy already and has the images, else the first that can be brought up. */
export async function bringUpOne(
  runtimes: readonly TestbedRuntime[],
  images: readonly ImageRecipe[],
  context: BringUpContext,
): Promise<BroughtUp> {
  const refusals: SetupRefused[] = [];
  for (const runtime of runtimes) {
    if (await isReady(runtime, images)) return await bringUp(runtime, images, context);
  }
  for (const runtime of runtimes) {
    try {
      return await bringUp(runtime, images, context);
    } catch (error) {
      if (!(error instanceof SetupRefused)) throw error;
      refusals.push(error);
    }
  }
  throw new SetupRefused(refusals.map((refusal) => refusal.message).join('\n'), {
    commands: refusals.flatMap((refusal) => refusal.commands),
    packages: refusals.flatMap((refusal) => refusal.packages),
  });
}

async function isReady(runtime: TestbedRuntime, images: readonly ImageRecipe[]): Promise<boolean> {
  if ((await runtime.detect()).state !== 'healthy') return false;
  return (await Promise.all(images.map(({ name }) => runtime.hasImage(name)))).every(Boolean);
}

/** The Debian packages that a build and a whole testbed would still have installed here. */
export async function allMissingPackages(runtimes: readonly TestbedRuntime[]): Promise<string[]> {
  const names = (await findGo()) === undefined ? ['golang-go'] : [];
  for (const runtime of runtimes) {
    if ((await runtime.detect()).state === 'absent') names.push(...runtime.packages);
    if (!(await isReady(runtime, imagesForTests))) names.push(imageBuilder);
  }
  return await notInstalled([...new Set(names)]);
}

function unhealthy(
  runtime: TestbedRuntime,
  { detail, remedy = [], state, startedByTestbed }: RuntimeStatus,
): SetupRefused {
  const what = `${runtime.name} is ${state}${detail === undefined ? '' : `: ${detail}`}.`;
  return new SetupRefused(
    startedByTestbed ? what : `${what} It was not started by the testbed, so it is left as it is.`,
    { commands: remedy },
  );
}
