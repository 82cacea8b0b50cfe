import type { ImageStore, OnImageProgress, RuntimeAdapter } from '@sandbox/core';
import { findEntries } from '../adapters/find-entries.ts';
import type { CommandContext } from '../command-context.ts';
import { stoppable } from '../execution/stoppable.ts';
import { EXIT } from '../exit-code.ts';
import { progressDisplay } from '../output/progress.ts';
import { loadAdapters, loadSettings } from '../settings.ts';

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
      const result = await onAdapter(adapters, command, { signal, onProgress: progress.show });
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
  { does, able = () => true, work }: ImageCommand<T>,
  options: Pick<ImageWork, 'signal' | 'onProgress'>,
): Promise<T> {
  const { SandboxError } = await import('@sandbox/core');
  try {
    const candidates = adapters.filter(({ images }) => images !== undefined && able(images));
    const adapter = await firstHealthy(candidates, options.signal);
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

/** The only one is taken unseen: its own error says best what is wrong with it. */
async function firstHealthy(candidates: readonly RuntimeAdapter[], signal: AbortSignal) {
  if (candidates.length < 2) return candidates[0];
  for (const adapter of candidates) {
    if ((await adapter.probe({ signal })).status === 'healthy') return adapter;
  }
  return candidates[0];
}
