import { text } from 'node:stream/consumers';
import type { ImageConfiguration } from './configuration.ts';
import { type Engine, EngineError } from './engine.ts';
import { failure } from './failure.ts';

export interface ImageAnswer {
  readonly Id: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Size: number;
  readonly Created: string;
  readonly Architecture: string;
  readonly Config: {
    readonly Env?: readonly string[] | null;
    readonly Cmd?: readonly string[] | null;
    readonly Entrypoint?: readonly string[] | null;
    readonly User?: string;
    readonly WorkingDir?: string;
    readonly Labels?: Readonly<Record<string, string>> | null;
  };
}

/** `alpine` is `docker.io/library/alpine:latest`. */
export function normalReference(name: string): string {
  const parts = name.split('/');
  const isHost = parts.length > 1 && /[.:]|^localhost$/.test(parts[0] ?? '');
  const full = isHost ? name : `docker.io/${parts.length === 1 ? 'library/' : ''}${name}`;
  return /[:@][^/]*$/.test(full) ? full : `${full}:latest`;
}

export class Images {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async find(name: string): Promise<ImageAnswer | undefined> {
    try {
      return await this.#engine.json<ImageAnswer>('GET', `/images/${encodeURI(name)}/json`);
    } catch (error) {
      if (error instanceof EngineError && (error.status === 404 || error.status === 400)) return undefined;
      throw error;
    }
  }

  /** Of a container that is to be made: pulled where it is not here. */
  async configuration(name: string): Promise<ImageConfiguration> {
    const found = (await this.find(name)) ?? (await this.pull(name));
    const { Config: config } = found;
    return {
      reference: normalReference(name),
      digest: found.Id,
      env: config.Env ?? [],
      workingDir: config.WorkingDir,
      entrypoint: config.Entrypoint ?? undefined,
      command: config.Cmd ?? undefined,
      user: config.User,
    };
  }

  async pull(name: string): Promise<ImageAnswer> {
    const from = encodeURIComponent(normalReference(name));
    try {
      const lines = await text(await this.#engine.answer('POST', `/images/create?fromImage=${from}`));
      const error = /"error":"([^"]*)"/.exec(lines)?.[1];
      if (error !== undefined) throw failure(error);
    } catch (error) {
      if (error instanceof EngineError) throw failure(error.message);
      throw error;
    }
    const found = await this.find(name);
    if (found === undefined) throw failure(`image with reference ${name}`);
    return found;
  }

  async list(): Promise<{ readonly name: string; readonly image: ImageAnswer }[]> {
    const rows = await this.#engine.json<{ RepoTags?: string[] | null }[]>('GET', '/images/json');
    const names = rows.flatMap(({ RepoTags }) => RepoTags ?? []).filter((name) => !name.includes('<none>'));
    const found = await Promise.all(
      names.map(async (name) => ({ name: normalReference(name), image: await this.find(name) })),
    );
    return found.flatMap(({ name, image }) => (image ? [{ name, image }] : []));
  }

  /** Unlike Docker, also where a container was made from it. */
  async delete(name: string): Promise<void> {
    await this.#engine.json('DELETE', `/images/${encodeURI(name)}?noprune=1`);
  }

  async tag(name: string, target: string): Promise<void> {
    const colon = normalReference(target).lastIndexOf(':');
    const full = normalReference(target);
    const query = `repo=${encodeURIComponent(full.slice(0, colon))}&tag=${full.slice(colon + 1)}`;
    await this.#engine.json('POST', `/images/${encodeURI(name)}/tag?${query}`);
  }
}

/** As `image inspect` and `image list` print it. */
export function imageResource(name: string, image: ImageAnswer): object {
  const { Config: config } = image;
  const created = image.Created.replace(/\.\d+Z$/, 'Z');
  const digest = image.Id;
  return {
    id: digest.replace(/^sha256:/, ''),
    configuration: {
      creationDate: created,
      descriptor: { digest, mediaType: 'application/vnd.oci.image.index.v1+json', size: 1024 },
      name,
    },
    variants: [
      {
        config: {
          architecture: image.Architecture,
          os: 'linux',
          created,
          config: {
            Env: config.Env ?? undefined,
            Cmd: config.Cmd ?? undefined,
            Entrypoint: config.Entrypoint ?? undefined,
            User: config.User || undefined,
            WorkingDir: config.WorkingDir || undefined,
            Labels: config.Labels ?? undefined,
          },
          history: [],
          rootfs: { diff_ids: [], type: 'layers' },
        },
        digest,
        platform: { architecture: image.Architecture, os: 'linux' },
        size: image.Size,
      },
    ],
  };
}
