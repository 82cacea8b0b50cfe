import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CallOptions,
  type ImageBuild,
  type ImageInfo,
  type ImageStore,
  type OnImageProgress,
  SandboxError,
} from '@sandbox/core';
import type { ApiRequest, EngineClient } from './client.ts';
import { saysGone } from './errors.ts';
import { exportImage } from './image-export.ts';
import { buildProgress, type ProgressLine, PullProgress, progressLines } from './image-progress.ts';

interface ImageAnswer {
  Id: string;
  RepoTags?: string[] | null;
  Size?: number;
  Created?: string | number;
  Architecture?: string;
  Config?: {
    Env?: string[] | null;
    WorkingDir?: string;
    Cmd?: string[] | null;
    Volumes?: Record<string, unknown> | null;
    Labels?: Record<string, string> | null;
  } | null;
  /** Of a list. */
  Labels?: Record<string, string> | null;
}

/** Waits until images may be added, or removed, and gives what ends that turn: for an engine whose store can break when both happen at once. */
export type ImageTurn = (
  what: 'add' | 'remove',
  turn: {
    readonly operation: string;
    readonly signal?: AbortSignal | undefined;
    readonly onWait?: (() => void) | undefined;
  },
) => Promise<() => void>;

/** An engine that says nothing for so long while it pulls is taken as hung. */
const PULL_SILENCE_MS = 120_000;
/** What Podman says of an image, also in a list of others, that somebody adds or removes while it looks. */
const HALF_THERE =
  /locating (image|item named "\w+" for image) with ID|layer not known|reading data blob size .* size is not known/;
/** How long that may go on before it is taken for an image that is broken for good. */
const PASSING_MS = 10_000;
const PAUSE_MS = 100;

export class EngineImages implements ImageStore {
  readonly #client: EngineClient;
  readonly #turn: ImageTurn | undefined;

  constructor(client: EngineClient, turn?: ImageTurn) {
    this.#client = client;
    this.#turn = turn;
  }

  async inspect(image: string, options: CallOptions = {}): Promise<ImageInfo> {
    return this.#inspect(image, { ...options, operation: 'images.inspect' });
  }

  async pull(
    image: string,
    options: CallOptions & { readonly onProgress?: OnImageProgress } = {},
  ): Promise<ImageInfo> {
    const call = { operation: 'images.pull', signal: options.signal };
    const { name, tag } = parseReference(image);
    const progress = new PullProgress();
    return this.#adding(call, options.onProgress, async () => {
      await this.#follow(
        { ...call, method: 'POST', path: '/images/create', query: { fromImage: name, tag } },
        PULL_SILENCE_MS,
        (line) => options.onProgress?.(progress.take(line)),
      );
      return this.#inspect(image, call);
    });
  }

  async build(
    build: ImageBuild,
    options: CallOptions & { readonly onProgress?: OnImageProgress } = {},
  ): Promise<ImageInfo> {
    const call = { operation: 'images.build', signal: options.signal };
    const { context } = build;
    const request: ApiRequest = {
      ...call,
      method: 'POST',
      path: '/build',
      query: {
        t: build.tag,
        rm: 1,
        forcerm: 1,
        ...(build.dockerfile !== undefined && { dockerfile: build.dockerfile }),
        ...(build.buildArgs && { buildargs: JSON.stringify(build.buildArgs) }),
        ...(build.labels && { labels: JSON.stringify(build.labels) }),
      },
      file: context instanceof Uint8Array ? Buffer.from(context) : Readable.from(context),
    };
    return this.#adding(call, options.onProgress, async () => {
      // A step may work for as long as it likes without a word.
      await this.#follow(request, null, (line) => {
        const progress = buildProgress(line);
        if (progress) options.onProgress?.(progress);
      });
      return this.#inspect(build.tag, call);
    });
  }

  async remove(image: string, options: CallOptions = {}): Promise<void> {
    const call = { ...options, operation: 'images.remove' };
    const done = await this.#turn?.('remove', call);
    try {
      await this.#client.json({ ...call, method: 'DELETE', path: `/images/${encodeURIComponent(image)}` });
    } catch (error) {
      if (!saysGone(error)) throw error;
    } finally {
      done?.();
    }
  }

  async list(labels: Readonly<Record<string, string>> = {}, options: CallOptions = {}): Promise<ImageInfo[]> {
    const wanted = Object.entries(labels);
    // Podman finds nothing when it is asked for two.
    const pairs = wanted.slice(0, 1).map(([key, value]) => `${key}=${value}`);
    const answer = await this.#read<ImageAnswer[]>({
      ...options,
      operation: 'images.list',
      method: 'GET',
      path: '/images/json',
      ...(pairs.length > 0 && { query: { filters: JSON.stringify({ label: pairs }) } }),
    });
    return answer
      .map(imageInfo)
      .filter((image) => wanted.every(([key, value]) => image.labels[key] === value));
  }

  export(image: string, { signal }: CallOptions = {}): AsyncIterable<Uint8Array> {
    return exportImage(this.#client, image, signal);
  }

  async #adding<T>(
    call: { readonly operation: string; readonly signal?: AbortSignal | undefined },
    onProgress: OnImageProgress | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    const onWait = () => onProgress?.({ message: 'waiting for other programs, which remove images' });
    const done = await this.#turn?.('add', { ...call, onWait });
    try {
      return await work();
    } finally {
      done?.();
    }
  }

  /** Asks again where another program's change got in between. */
  async #read<T>(request: ApiRequest): Promise<T> {
    const until = performance.now() + PASSING_MS;
    for (;;) {
      try {
        return await this.#client.json<T>(request);
      } catch (error) {
        if (!SandboxError.is(error) || !HALF_THERE.test(error.message)) throw error;
        if (performance.now() > until) throw broken(error, this.#client.dialect.command);
        await sleep(PAUSE_MS, undefined, { signal: request.signal });
      }
    }
  }

  async #inspect(
    image: string,
    call: { operation: string; signal?: AbortSignal | undefined },
  ): Promise<ImageInfo> {
    const path = `/images/${encodeURIComponent(image)}/json`;
    return imageInfo(await this.#read<ImageAnswer>({ ...call, method: 'GET', path }));
  }

  /** Reads a stream of progress to its end. Engines answer 200 first and tell of failures in it. */
  async #follow(
    request: ApiRequest,
    silenceMs: number | null,
    onLine: (line: ProgressLine) => void,
  ): Promise<void> {
    const response = await this.#client.stream({ ...request, timeoutMs: silenceMs });
    let timer: NodeJS.Timeout | undefined;
    const watch = () => {
      clearTimeout(timer);
      if (silenceMs === null) return;
      timer = setTimeout(() => response.destroy(this.#silence(request, silenceMs)), silenceMs);
    };
    try {
      watch();
      for await (const line of progressLines(response)) {
        watch();
        if (line.error !== undefined) throw engineError(line);
        onLine(line);
      }
    } catch (error) {
      throw this.#client.error(error, request);
    } finally {
      clearTimeout(timer);
      response.destroy();
    }
  }

  #silence({ operation }: ApiRequest, silenceMs: number): SandboxError {
    const { runtime, title } = this.#client.dialect;
    return new SandboxError('DEADLINE_EXCEEDED', `${title} said nothing for ${silenceMs} ms (${operation})`, {
      operation,
      runtime,
    });
  }
}

/** A failure in a stream as if it were the answer's own, so that it is mapped like one. */
function engineError({ error, errorDetail }: ProgressLine): Error {
  return Object.assign(new Error(errorDetail?.message ?? error), { statusCode: 500 });
}

/** Without a tag an engine would pull all there are. Pure. */
export function parseReference(image: string): { name: string; tag: string } {
  const digest = image.indexOf('@');
  if (digest >= 0)
    return { name: image.slice(0, digest).replace(/:[^/:]*$/, ''), tag: image.slice(digest + 1) };
  const colon = image.lastIndexOf(':');
  if (colon > image.lastIndexOf('/')) return { name: image.slice(0, colon), tag: image.slice(colon + 1) };
  return { name: image, tag: 'latest' };
}

/** Pure. */
export function imageInfo(answer: ImageAnswer): ImageInfo {
  const { Config: config, Created: created } = answer;
  const env = config?.Env?.map((pair): [string, string] => {
    const cut = pair.indexOf('=');
    return cut < 0 ? [pair, ''] : [pair.slice(0, cut), pair.slice(cut + 1)];
  });
  return {
    id: answer.Id,
    tags: (answer.RepoTags ?? []).filter((tag) => tag !== '<none>:<none>'),
    sizeBytes: answer.Size ?? 0,
    ...(created !== undefined && {
      createdAt: new Date(typeof created === 'number' ? created * 1000 : created),
    }),
    labels: config?.Labels ?? answer.Labels ?? {},
    ...(env && { env: Object.fromEntries(env) }),
    ...(config?.WorkingDir && { workdir: config.WorkingDir }),
    ...(config?.Cmd && { command: config.Cmd }),
    ...(config?.Volumes && { volumes: Object.keys(config.Volumes) }),
    ...(answer.Architecture && { architecture: answer.Architecture }),
  };
}

/** An engine that cannot list one image lists none. */
function broken(error: SandboxError, command: string): SandboxError {
  const [id = 'ID'] = /[0-9a-f]{64}(?!.*[0-9a-f]{64})/.exec(error.message) ?? [];
  return SandboxError.withContext(error, {
    hint: `An image is broken, and the engine has to be rid of it: ${command} image rm --force ${id}`,
  });
}
