import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { formatInstance, LABEL, readInstance, SandboxError } from '@sandbox/core';
import type { EngineClient } from './client.ts';
import { postContainer } from './container-create.ts';
import { helperBody } from './helper-container.ts';
import { removeContainer } from './removal.ts';

/** An engine that sends nothing for so long is taken as hung. */
const SILENCE_MS = 120_000;

/** The files of an image: engines give them of a container only, so of one that is never started. */
export async function* exportImage(
  client: EngineClient,
  image: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const operation = 'images.export';
  signal?.throwIfAborted();
  const name = `sandbox-export-${randomBytes(6).toString('hex')}`;
  // Should we be killed now, cleanup takes it for an ephemeral sandbox of ours, which it might as well be.
  const labels = {
    [LABEL.name]: name,
    [LABEL.lifecycle]: 'ephemeral',
    [LABEL.instance]: formatInstance(readInstance()),
  };
  const call = { operation, sandbox: name };
  // To give up on it in the middle would leave it there.
  const id = await postContainer(client, name, helperBody({ name, image, labels, mounts: [] }), call);
  try {
    const path = `/containers/${encodeURIComponent(id)}/export`;
    const response = await client.stream({ ...call, method: 'GET', path, signal });
    try {
      yield* withoutSilence(response, call, client.dialect.runtime);
    } catch (error) {
      throw client.error(error, call);
    } finally {
      response.destroy();
    }
  } finally {
    await removeContainer(client, id, call);
  }
}

/** The time that the reader takes does not count. */
async function* withoutSilence(
  stream: Readable,
  context: { readonly operation: string; readonly sandbox: string },
  runtime: string,
): AsyncGenerator<Uint8Array> {
  const chunks = stream[Symbol.asyncIterator]();
  for (;;) {
    const message = `the engine sent nothing for ${SILENCE_MS} ms`;
    const silence = () => new SandboxError('DEADLINE_EXCEEDED', message, { ...context, runtime });
    const timer = setTimeout(() => stream.destroy(silence()), SILENCE_MS);
    const next = await chunks.next().finally(() => clearTimeout(timer));
    if (next.done) return;
    yield next.value as Buffer;
  }
}
