import { type Engine, EngineError, LABEL_DOUBLE, NAME_PREFIX, onlyOurs } from './engine.ts';
import { failure } from './failure.ts';
import type { Surroundings } from './surroundings.ts';

interface VolumeAnswer {
  readonly Name: string;
  readonly CreatedAt: string;
  readonly Mountpoint: string;
  readonly Labels: Readonly<Record<string, string>>;
}

const LABEL_VOLUME = `${LABEL_DOUBLE}.volume`;

export interface Volume {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly source: string;
  readonly creationDate: string;
}

export class Volumes {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async list(): Promise<Volume[]> {
    const { Volumes: rows } = await this.#engine.json<{ Volumes: VolumeAnswer[] | null }>(
      'GET',
      `/volumes?filters=${onlyOurs()}`,
    );
    // The others are a container's own.
    const named = (rows ?? []).filter(({ Labels }) => LABEL_VOLUME in Labels);
    return named.map(({ Name, Labels, CreatedAt, Mountpoint }) => ({
      name: Name.slice(NAME_PREFIX.length),
      labels: JSON.parse(Labels[LABEL_VOLUME] ?? '{}') as Record<string, string>,
      source: Mountpoint,
      creationDate: CreatedAt,
    }));
  }

  async create(name: string, labels: Readonly<Record<string, string>>): Promise<void> {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) throw failure(`invalid volume name '${name}'`);
    if ((await this.list()).some((volume) => volume.name === name))
      throw failure(`volume '${name}' already exists`);
    await this.#engine.json('POST', '/volumes/create', {
      Name: `${NAME_PREFIX}${name}`,
      Labels: { [LABEL_DOUBLE]: '1', [LABEL_VOLUME]: JSON.stringify(labels) },
    });
  }

  /** A container's own volumes are made where they are not there. */
  async ensure(name: string, error: Surroundings['error']): Promise<void> {
    if ((await this.list()).some((volume) => volume.name === name)) return;
    await this.create(name, {});
    error(`Warning: named volume was automatically created: ["volume": "${name}"]\n`);
  }

  async delete(name: string): Promise<'deleted' | 'in-use' | 'missing'> {
    if (!(await this.list()).some((volume) => volume.name === name)) return 'missing';
    try {
      await this.#engine.json('DELETE', `/volumes/${NAME_PREFIX}${name}`);
      return 'deleted';
    } catch (error) {
      if (error instanceof EngineError && error.status === 409) return 'in-use';
      throw error;
    }
  }
}

/** Of a volume's options, everything after the first equal sign is the value. */
export function keyValuePairs(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const cut = pair.indexOf('=');
      return cut <= 0 ? [pair, ''] : [pair.slice(0, cut), pair.slice(cut + 1)];
    }),
  );
}

export function volumeResource({ name, labels, source, creationDate }: Volume): object {
  return {
    id: name,
    configuration: {
      creationDate,
      driver: 'local',
      format: 'ext4',
      labels,
      name,
      options: {},
      sizeInBytes: 549755813888,
      source,
    },
  };
}
