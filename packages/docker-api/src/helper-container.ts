import { LABEL } from '@sandbox/core';
import { ContainerArchive } from './archive.ts';
import type { EngineClient } from './client.ts';
import type { ContainerBody } from './container-body.ts';
import { postContainer } from './container-create.ts';
import { removeContainer } from './removal.ts';

export interface Helper {
  readonly name: string;
  /** Any that the engine has: nothing of it is run. */
  readonly image: string;
  /** Beside `managed`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly { readonly volume: string; readonly target: string }[];
}

/** Work on volumes through a container that is never started: engines have no other way to their files. `ALREADY_EXISTS` while there is one of that name. */
export async function withHelper(
  client: EngineClient,
  helper: Helper,
  call: { operation: string; sandbox: string; signal?: AbortSignal | undefined },
  work: (archive: ContainerArchive) => Promise<void>,
): Promise<void> {
  // To give up on it in the middle would leave it there.
  const making = { operation: call.operation, sandbox: call.sandbox };
  const id = await postContainer(client, helper.name, helperBody(helper), making);
  try {
    await work(new ContainerArchive(client, id, call));
  } finally {
    await removeContainer(client, id, { operation: call.operation, sandbox: helper.name }).catch(() => {});
  }
}

/** Of a container that is never started. */
export function helperBody({ image, labels, mounts }: Helper): ContainerBody {
  return {
    Image: image,
    Entrypoint: [],
    Cmd: ['/never-started'],
    Labels: { ...labels, [LABEL.managed]: 'true' },
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: 'none',
      LogConfig: { Type: 'none', Config: {} },
      Mounts: mounts.map(({ volume, target }) => ({
        Type: 'volume',
        Source: volume,
        Target: target,
        ReadOnly: false,
        VolumeOptions: { NoCopy: true, Labels: { [LABEL.managed]: 'true' } },
      })),
    },
  };
}
