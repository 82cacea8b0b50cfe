import { type CallOptions, SandboxError, type VolumeInfo, type VolumeStore } from '@sandbox/core';
import type { CommandLine } from '@sandbox/daemonless';
import { dateOf } from './container-answer.ts';
import { unless } from './errors.ts';
import { carries, labelArgs, readLabels } from './labels.ts';

type Labels = Readonly<Record<string, string>>;

interface VolumeAnswer {
  readonly configuration: { readonly name: string; readonly labels?: Labels; readonly creationDate?: string };
}

export class AppleContainerVolumes implements VolumeStore {
  readonly #cli: CommandLine;

  constructor(cli: CommandLine) {
    this.#cli = cli;
  }

  ensure(name: string, labels: Labels, { signal }: CallOptions = {}): Promise<VolumeInfo> {
    const call = { operation: 'volumes.ensure', signal };
    return this.#cli.call(call, async (limit) => (await this.make(name, labels, limit)).volume);
  }

  /** As `ensure`, and whether it was not there before. `onMaking` is called when it is about to be made. */
  async make(name: string, labels: Labels, signal: AbortSignal, onMaking?: () => void) {
    let volume = await this.#find(name, signal);
    const made = volume === undefined;
    if (made) {
      onMaking?.();
      const args = ['volume', 'create', ...labelArgs(labels), '--', name];
      // Somebody else may have made one of this name since.
      await this.#cli.run(args, signal).catch(unless('ALREADY_EXISTS'));
      volume = await this.#find(name, signal);
    }
    if (volume && carries(volume.labels)) return { volume, made };
    throw foreign('ALREADY_EXISTS', name);
  }

  remove(name: string, { signal }: CallOptions = {}): Promise<void> {
    return this.#cli.call({ operation: 'volumes.remove', signal }, async (limit) => {
      const known = await this.#find(name, limit);
      if (known === undefined) return;
      if (!carries(known.labels)) throw foreign('FAILED_PRECONDITION', name);
      await this.#cli.run(['volume', 'delete', '--', name], limit).catch(async (error: unknown) => {
        if (await this.#find(name, limit)) throw error;
      });
    });
  }

  list(labels: Labels = {}, { signal }: CallOptions = {}): Promise<VolumeInfo[]> {
    return this.#cli.call({ operation: 'volumes.list', signal }, async (limit) =>
      (await this.#all(limit)).filter((volume) => carries(volume.labels, labels)),
    );
  }

  async #find(name: string, signal: AbortSignal): Promise<VolumeInfo | undefined> {
    return (await this.#all(signal)).find((volume) => volume.name === name);
  }

  async #all(signal: AbortSignal): Promise<VolumeInfo[]> {
    const answer = await this.#cli.json<VolumeAnswer[]>(['volume', 'list', '--format=json'], signal);
    return answer.map(({ configuration: { name, labels, creationDate } }) => ({
      name,
      labels: readLabels(labels),
      ...dateOf(creationDate),
    }));
  }
}

function foreign(code: 'ALREADY_EXISTS' | 'FAILED_PRECONDITION', name: string): SandboxError {
  return new SandboxError(code, `there is a volume ${name} that is not ours`, {
    hint: `look at it with \`container volume inspect ${name}\`; remove it, or take another name`,
  });
}
