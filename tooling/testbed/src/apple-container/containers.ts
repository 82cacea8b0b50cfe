import type { Configuration } from './configuration.ts';
import type { Container } from './container.ts';
import {
  type Engine,
  EngineError,
  LABEL_CONFIGURATION,
  LABEL_DOUBLE,
  NAME_PREFIX,
  onlyOurs,
} from './engine.ts';
import { engineBody } from './engine-body.ts';
import { failure } from './failure.ts';
import { isoDate } from './render.ts';
import type { Tombstones } from './tombstones.ts';

interface InspectAnswer {
  State: { Running: boolean; StartedAt: string };
  Config: { Labels: Record<string, string> };
  NetworkSettings: { Networks?: Record<string, { IPAddress?: string }> };
}

/** The containers of the double: Docker's, and for a while those that are gone. */
export class Containers {
  readonly #engine: Engine;
  readonly #tombstones: Tombstones | undefined;

  constructor(engine: Engine, tombstones?: Tombstones) {
    this.#engine = engine;
    this.#tombstones = tombstones;
  }

  async find(id: string): Promise<Container | undefined> {
    const answer = await this.inspect(id);
    const found = answer && containerOf(answer);
    return found ?? this.#tombstones?.find(id);
  }

  /** With the message of every command that needs one. */
  async get(id: string): Promise<Container> {
    const found = await this.find(id);
    if (found === undefined) throw failure(`get failed: container ${id} not found`);
    return found;
  }

  async list(): Promise<Container[]> {
    const rows = await this.#engine.json<{ Names: string[] }[]>(
      'GET',
      `/containers/json?all=1&filters=${onlyOurs()}`,
    );
    const ids = rows.map(({ Names }) => Names[0]?.slice(1 + NAME_PREFIX.length) ?? '');
    const found = await Promise.all(ids.map((id) => this.inspect(id)));
    const living = found.flatMap((answer) => (answer ? [containerOf(answer)] : []));
    const gone = this.#tombstones?.list(living.map(({ configuration }) => configuration.id)) ?? [];
    return [...living, ...gone];
  }

  async create(configuration: Configuration): Promise<void> {
    const { id } = configuration;
    if (configuration.networks.includes('default')) await this.ensureDefaultNetwork();
    if (this.#tombstones?.find(id)) throw failure(`container already exists: ${id}`);
    try {
      await this.#engine.json(
        'POST',
        `/containers/create?name=${NAME_PREFIX}${id}`,
        engineBody(configuration),
      );
    } catch (error) {
      if (error instanceof EngineError && error.status === 409)
        throw failure(`container already exists: ${id}`);
      throw error;
    }
    this.#tombstones?.remember(configuration);
  }

  /** The network that every machine has. Two at once may make it. */
  async ensureDefaultNetwork(): Promise<void> {
    const name = `${NAME_PREFIX}default`;
    const networks = await this.#engine.json<{ Name: string }[]>('GET', `/networks?filters=${onlyOurs()}`);
    if (networks.some((network) => network.Name === name)) return;
    const body = { Name: name, Driver: 'bridge', CheckDuplicate: true, Labels: { [LABEL_DOUBLE]: '1' } };
    await this.#engine.json('POST', '/networks/create', body).catch((error: unknown) => {
      if (!(error instanceof EngineError && error.status === 409)) throw error;
    });
  }

  /** Sends a signal; false where it does not run. */
  async signal(id: string, signal: string): Promise<boolean> {
    const name = /^\d+$/.test(signal) || signal.startsWith('SIG') ? signal : `SIG${signal}`;
    try {
      await this.#engine.json('POST', `${this.path(id)}/kill?signal=${name}`);
      return true;
    } catch (error) {
      if (error instanceof EngineError && (error.status === 409 || error.status === 404)) return false;
      throw error;
    }
  }

  /** Until it does not run any more, or so long. */
  async ended(id: string, ms?: number): Promise<boolean> {
    const timeout = ms === undefined ? undefined : AbortSignal.timeout(ms);
    const waiting = this.#engine.json('POST', `${this.path(id)}/wait?condition=not-running`).then(
      () => true,
      () => true,
    );
    if (timeout === undefined) return waiting;
    const late = new Promise<boolean>((resolve) => {
      if (timeout.aborted) resolve(false);
      timeout.addEventListener('abort', () => resolve(false));
    });
    return Promise.race([waiting, late]);
  }

  async stop(id: string, signal: string, seconds: number): Promise<void> {
    if (!(await this.signal(id, signal))) return;
    if (await this.ended(id, seconds * 1000)) return;
    await this.signal(id, 'KILL');
    await this.ended(id);
  }

  async delete(id: string): Promise<void> {
    try {
      await this.#engine.json('DELETE', `${this.path(id)}?force=1&v=1`);
    } catch (error) {
      // 409: its own removal is under way.
      if (!(error instanceof EngineError) || (error.status !== 404 && error.status !== 409)) throw error;
    }
    for (let tries = 0; tries < 500 && (await this.inspect(id)); tries += 1) await pause(10);
  }

  path(id: string): string {
    return `/containers/${NAME_PREFIX}${encodeURIComponent(id)}`;
  }

  async inspect(id: string): Promise<InspectAnswer | undefined> {
    try {
      return await this.#engine.json<InspectAnswer>('GET', `${this.path(id)}/json`);
    } catch (error) {
      if (error instanceof EngineError && error.status === 404) return undefined;
      throw error;
    }
  }
}

function containerOf({ State, Config, NetworkSettings }: InspectAnswer): Container {
  const started = new Date(State.StartedAt);
  return {
    configuration: JSON.parse(Config.Labels[LABEL_CONFIGURATION] ?? '{}') as Configuration,
    state: State.Running ? 'running' : 'stopped',
    startedDate: started.getTime() > 0 ? isoDate(started) : undefined,
    address: Object.values(NetworkSettings.Networks ?? {})[0]?.IPAddress || undefined,
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
