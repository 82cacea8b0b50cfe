import type { ImageStore, OnImageProgress, RuntimeAdapter } from '@sandbox/core';
import { findEntries } from '../adapters/find-entries.ts';
import type { CommandContext } from '../command-context.ts';
import { stoppable } from '../execution/stoppable.ts';
import { EXIT } from '../exit-code.ts';
import { progressDisplay } from '../output/progress.ts';
import { callerOf, loadAdapters, loadSettings } from '../settings.ts';

/** What a command on images works with. */
export interface ImageWork {
  readonly runtime: string;
  readonly images: ImageStore;
  readonly signal: AbortSignal;
  readonly onProgress: OnImageProgress;
}

export interface ImageCommand<T> {
  readonly runtime: string | undefined;
  readonly config: string | undefined;
  readonly json: boolean | undefined;
  /** What the runtime has to do, as in "no runtime here pulls images". */
  readonly does: string;
  readonly able?: (images: ImageStore) => boolean;
  readonly work: (work: ImageWork) => Promise<T>;
  /** After the progress has left the screen. */
  readonly show: (result: T) => Promise<void>;
}

/** Works with the images of the runtime that a run without `--runtime` would take first. The first signal ends it. */
export function withImages<T>(context: CommandContext, command: ImageCommand<T>): Promise<number> {
  const progress = progressDisplay(context.io.stderr, command.json ? 'nothing' : 'lines');
  return stoppable(context.io, async (signal) => {
    try {
      const config = await loadSettings(context, command.config);
      const adapters = await loadAdapters(await findEntries(context, config, command.runtime), config);
      const preferred = config.settingsFor(callerOf(context, {})).runtime;
      const options = { signal, onProgress: progress.show };
      const result = await onAdapter(adapters, { ...command, preferred }, options);
      progress.clear();
      await command.show(result);
      return EXIT.ok;
    } finally {
      progress.clear();
    }
  });
}

async function onAdapter<T>(
  adapters: readonly RuntimeAdapter[],
  { does, able, work, preferred }: ImageCommand<T> & { readonly preferred: string | undefined },
  options: Pick<ImageWork, 'signal' | 'onProgress'>,
): Promise<T> {
  const { SandboxError } = await import('@sandbox/core');
  try {
    const adapter = await adapterWithImages(adapters, { ...options, preferred, able });
    if (adapter?.images !== undefined)
      return await work({ runtime: adapter.runtime, images: adapter.images, ...options });
    const names = adapters.map(({ runtime }) => runtime).join(', ');
    throw new SandboxError('UNSUPPORTED', `no runtime here ${does} images (${names})`, {
      hint: 'See what each runtime can do here: sandbox doctor',
    });
  } finally {
    await Promise.all(adapters.map((adapter) => adapter.close()));
  }
}

export interface AdapterChoice {
  readonly signal: AbortSignal;
  /** What is configured: taken if it can do it. */
  readonly preferred?: string | undefined;
  readonly able?: ((images: ImageStore) => boolean) | undefined;
}

/** The one that is configured, else that which `auto` would take. The only one is taken unseen: its own error says best what is wrong with it. */
export async function adapterWithImages(
  adapters: readonly RuntimeAdapter[],
  { signal, preferred, able = () => true }: AdapterChoice,
): Promise<RuntimeAdapter | undefined> {
  const candidates = adapters.filter(({ images }) => images !== undefined && able(images));
  const configured = candidates.find(({ runtime }) => runtime === preferred);
  if (configured !== undefined || candidates.length < 2) return configured ?? candidates[0];
  const { autoRank } = await import('@sandbox/core');
  const probed = await Promise.all(
    candidates.map(async (adapter) => ({ adapter, probe: await adapter.probe({ signal }) })),
  );
  const healthy = probed.filter(({ probe }) => probe.status === 'healthy');
  const [first] = healthy.sort((one, other) => autoRank(one.probe) - autoRank(other.probe));
  return first?.adapter ?? candidates[0];
}
