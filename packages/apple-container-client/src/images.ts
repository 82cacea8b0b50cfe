import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  type CallOptions,
  type ImageBuild,
  type ImageInfo,
  type ImageStore,
  type OnImageProgress,
  SandboxError,
} from '@sandbox/core';
import type { CommandLine } from '@sandbox/daemonless';
import { extract } from 'tar';
import { ARCHITECTURE } from './architecture.ts';
import { type ContainerAnswer, dateOf } from './container-answer.ts';
import { unless } from './errors.ts';

type Words = Readonly<Record<string, string>>;
type Progress = CallOptions & { readonly onProgress?: OnImageProgress };

interface ImageAnswer {
  readonly id: string;
  readonly configuration: { readonly name: string; readonly creationDate?: string };
  readonly variants?: readonly {
    readonly platform: { readonly architecture: string };
    readonly size?: number;
    readonly config?: {
      readonly config?: {
        readonly Env?: readonly string[];
        readonly Cmd?: readonly string[];
        readonly WorkingDir?: string;
        readonly Labels?: Words;
      };
    };
  }[];
}

/** Pulls and builds take as long as they take; their caller's signal ends them. */
const LONG_MS = 3_600_000;

export class AppleContainerImages implements ImageStore {
  readonly #cli: CommandLine;

  constructor(cli: CommandLine) {
    this.#cli = cli;
  }

  inspect(image: string, { signal }: CallOptions = {}): Promise<ImageInfo> {
    const call = { operation: 'images.inspect', signal };
    return this.#cli.call(call, async (limit) => imageInfo(await this.#get(image, limit)));
  }

  pull(image: string, { signal, onProgress }: Progress = {}): Promise<ImageInfo> {
    const onLine = (message: string) => onProgress?.({ message });
    return this.#cli.call({ operation: 'images.pull', signal, ms: LONG_MS }, async (limit) => {
      await this.#cli.run(['image', 'pull', '--progress=plain', '--', image], limit, onLine);
      return imageInfo(await this.#get(image, limit));
    });
  }

  async build(build: ImageBuild, { signal, onProgress }: Progress = {}): Promise<ImageInfo> {
    const { tag, context, dockerfile = 'Dockerfile', buildArgs = {}, labels = {} } = build;
    const onLine = (message: string) => onProgress?.({ message });
    const pairs = (option: string, values: Words) =>
      Object.entries(values).map(([key, value]) => `--${option}=${key}=${value}`);
    const directory = await mkdtemp(join(tmpdir(), 'sandbox-build-'));
    try {
      return await this.#cli.call({ operation: 'images.build', signal, ms: LONG_MS }, async (limit) => {
        const chunks = Readable.from(context instanceof Uint8Array ? [context] : context);
        await pipeline(chunks, extract({ cwd: directory, strict: true }), { signal: limit });
        const args = [`--tag=${tag}`, `--file=${join(directory, dockerfile)}`, '--progress=plain'];
        args.push(...pairs('build-arg', buildArgs), ...pairs('label', labels), '--', directory);
        await this.#cli.run(['build', ...args], limit, onLine);
        return imageInfo(await this.#get(tag, limit));
      });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  remove(image: string, { signal }: CallOptions = {}): Promise<void> {
    return this.#cli.call({ operation: 'images.remove', signal }, async (limit) => {
      const found = await this.#get(image, limit).catch(unless('NOT_FOUND'));
      if (!found) return;
      // The program would take it away from under its containers.
      const containers = await this.#cli.json<ContainerAnswer[]>(['list', '--all', '--format=json'], limit);
      if (containers.some(({ configuration }) => configuration.image?.descriptor?.digest?.endsWith(found.id)))
        throw new SandboxError('FAILED_PRECONDITION', `the image ${image} is in use`);
      await this.#cli.run(['image', 'delete', '--force', '--', found.configuration.name], limit);
    });
  }

  list(labels: Words = {}, { signal }: CallOptions = {}): Promise<ImageInfo[]> {
    const isWanted = (image: ImageInfo) =>
      Object.entries(labels).every(([key, value]) => image.labels[key] === value);
    return this.#cli.call({ operation: 'images.list', signal }, async (limit) =>
      (await this.#all(limit)).map(imageInfo).filter(isWanted),
    );
  }

  #all(signal: AbortSignal): Promise<ImageAnswer[]> {
    return this.#cli.json(['image', 'list', '--format=json'], signal);
  }

  /** By name, or by id, which the program does not take. */
  async #get(image: string, signal: AbortSignal): Promise<ImageAnswer> {
    const id = /^(?:sha256:)?([0-9a-f]{64})$/.exec(image)?.[1];
    const found = id
      ? (await this.#all(signal)).find((one) => one.id === id)
      : (await this.#cli.json<ImageAnswer[]>(['image', 'inspect', '--', image], signal))[0];
    if (found) return found;
    throw new SandboxError('NOT_FOUND', `there is no image ${image}`);
  }
}

function imageInfo({ id, configuration, variants = [] }: ImageAnswer): ImageInfo {
  const variant = variants.find(({ platform }) => platform.architecture === ARCHITECTURE) ?? variants[0];
  const { Env, Cmd, WorkingDir, Labels } = variant?.config?.config ?? {};
  const env = Env?.map((pair) => [pair.split('=', 1)[0] ?? '', pair.slice(pair.indexOf('=') + 1)]);
  return {
    id,
    tags: [configuration.name],
    sizeBytes: variant?.size ?? 0,
    labels: Labels ?? {},
    ...dateOf(configuration.creationDate),
    ...(env && { env: Object.fromEntries(env) }),
    ...(WorkingDir && { workdir: WorkingDir }),
    ...(Cmd && { command: Cmd }),
    ...(variant && { architecture: variant.platform.architecture }),
  };
}
