import { dockerEndpoint } from '../docker-endpoint.ts';
import { type Configuration, configurationOf, environmentOf, userOf } from './configuration.ts';
import { containerResource } from './container-json.ts';
import { Containers } from './containers.ts';
import { Engine } from './engine.ts';
import { failure, wrapped } from './failure.ts';
import type { Faults } from './faults.ts';
import { Images, imageResource } from './images.ts';
import type { Values } from './parse-arguments.ts';
import { Processes } from './processes.ts';
import { compact, pretty } from './render.ts';
import type { Surroundings } from './surroundings.ts';
import { Tombstones } from './tombstones.ts';
import { keyValuePairs, Volumes, volumeResource } from './volumes.ts';

/** Each command over the engine: what it prints on stdout, or the exit code of the process that it ran. */
export type Result = { readonly print: readonly string[] } | { readonly exitCode: number };
type Work = (values: Values) => Promise<Result>;

const print = (...lines: string[]): Result => ({ print: lines });
const ids = (values: Values, property = 'containerIds') => (values[property] as string[] | undefined) ?? [];
const text = (values: Values, property: string) => values[property] as string | undefined;

/** The commands that the double carries out, by their words. */
export function doubleCommands(
  faults: Faults,
  release: string,
  surroundings: Surroundings,
): Readonly<Record<string, Work>> {
  const { environment, out, error: complain, streams } = surroundings;
  const engine = new Engine(dockerEndpoint(environment).socketPath);
  const slow = faults.argument('slow-rm');
  const containers = new Containers(engine, slow === undefined ? undefined : new Tombstones(Number(slow)));
  const [images, volumes] = [new Images(engine), new Volumes(engine)];
  const processes = new Processes(engine, containers, faults);
  const shape = faults.argument('json-shape') ?? release;

  async function make(values: Values): Promise<Configuration> {
    const image = await images.configuration(text(values, 'image') ?? '');
    const configuration = configurationOf(values, image, surroundings);
    for (const { type, source } of configuration.mounts)
      if (type === 'volume') await volumes.ensure(source, complain);
    await containers.create(configuration);
    return configuration;
  }

  /** Each on its own: what went well is printed, and every failure told. */
  async function each(names: readonly string[], work: (id: string) => Promise<void>): Promise<Result> {
    const lines: string[] = [];
    const errors: string[] = [];
    for (const id of names) {
      try {
        await work(id);
        lines.push(id);
      } catch (error) {
        errors.push((error as Error).message.replace(/^Error: /, ''));
      }
    }
    for (const line of lines) out(`${line}\n`);
    if (errors.length > 0) throw failure(errors.join('\n'));
    return print();
  }

  async function some(values: Values, running: boolean): Promise<string[]> {
    if (values.all !== true) return [...new Set(ids(values))];
    const list = await containers.list();
    return list
      .filter(({ state }) => !running || state === 'running')
      .map(({ configuration }) => configuration.id);
  }

  const missing = (what: string, id: string) =>
    wrapped(`failed to ${what} container`, 'notFound', `container with ID ${id} not found`);

  return {
    create: async (values) => print((await make(values)).id),

    run: async (values) => {
      const id = text(values, 'managementFlags.name');
      if (id && (await containers.find(id))) throw failure(`container with id ${id} already exists`);
      const made = await make(values);
      const detach = values['managementFlags.detach'] === true;
      const interactive = values['processFlags.interactive'] === true;
      const exitCode = await processes.start(made.id, { attach: !detach, interactive }, streams);
      return detach ? print(made.id) : { exitCode };
    },

    start: async (values) => {
      const id = text(values, 'containerId') ?? '';
      const attach = values.attach === true || values.interactive === true;
      const { state } = await containers.get(id);
      if (state === 'running') {
        if (attach) throw failure('attach is currently unsupported on already running containers');
        return print(id);
      }
      const how = { attach, interactive: values.interactive === true };
      const exitCode = await processes.start(id, how, streams);
      return attach ? { exitCode } : print(id);
    },

    exec: async (values) => {
      const id = text(values, 'containerId') ?? '';
      const { state, configuration } = await containers.get(id);
      if (state !== 'running') throw failure(`container ${id} is not running`);
      // Not merged: what the process was started with comes first, and may be what it sees.
      const more = environmentOf(
        [],
        ids(values, 'processFlags.envFile'),
        ids(values, 'processFlags.env'),
        environment,
      );
      const request = {
        argv: ids(values, 'arguments'),
        env: [...more, ...configuration.process.environment],
        user: userOf(values) ?? configuration.process.user,
        makesCwd: text(values, 'processFlags.cwd') !== undefined,
        cwd: text(values, 'processFlags.cwd') ?? configuration.process.workingDirectory,
        interactive: values['processFlags.interactive'] === true,
      };
      return { exitCode: await processes.exec(id, request, streams) };
    },

    stop: async (values) =>
      each(await some(values, false), async (id) => {
        if (!(await containers.find(id))) throw missing('stop', id);
        await containers.stop(id, text(values, 'signal') ?? 'TERM', (values.time as number | undefined) ?? 5);
      }),

    kill: async (values) =>
      each(await some(values, true), async (id) => {
        const signal = text(values, 'signal') ?? 'KILL';
        if (!(await containers.find(id))) throw missing('kill', id);
        if (!(await containers.signal(id, signal)))
          throw wrapped(
            'failed to kill container',
            'invalidState',
            'no runtime client exists: container is stopped',
          );
        if (/^(SIG)?KILL$|^9$/.test(signal)) await containers.ended(id);
      }),

    delete: async (values) =>
      each(await some(values, false), async (id) => {
        const found = await containers.find(id);
        if (!found) throw missing('delete', id);
        if (found.state === 'running' && values.force !== true)
          throw wrapped(
            'failed to delete container',
            'invalidState',
            `container ${id} is running and can not be deleted`,
          );
        await containers.delete(id);
      }),

    list: async (values) => {
      const list = (await containers.list()).filter(
        ({ state }) => values.all === true || state === 'running',
      );
      if (values.format === 'json')
        return print(compact(list.map((container) => containerResource(container, shape))));
      return print(...list.map(({ configuration }) => configuration.id));
    },

    inspect: async (values) => {
      const wanted = [...new Set(ids(values))];
      const found = await Promise.all(wanted.map((id) => containers.find(id)));
      const lacking = wanted.filter((_id, index) => found[index] === undefined);
      if (lacking.length > 0) throw failure(`container not found: ${lacking.sort().join(', ')}`);
      return print(pretty(found.map((container) => container && containerResource(container, shape))));
    },

    stats: async (values) => {
      const wanted = ids(values, 'containers');
      const list = await containers.list();
      for (const id of wanted)
        if (!list.some(({ configuration }) => configuration.id === id))
          throw failure(`no such container: ${id}`);
      const running = list.filter(
        ({ configuration, state }) =>
          state === 'running' && (wanted.length === 0 || wanted.includes(configuration.id)),
      );
      return print(
        compact(await Promise.all(running.map(({ configuration }) => processes.stats(configuration.id)))),
      );
    },

    'image list': async () =>
      print(compact((await images.list()).map(({ name, image }) => imageResource(name, image)))),

    'image inspect': async (values) => {
      const names = [...new Set(ids(values, 'images'))];
      const found = await Promise.all(names.map(async (name) => ({ name, image: await images.find(name) })));
      const lacking = found.filter(({ image }) => image === undefined).map(({ name }) => name);
      if (lacking.length > 0) throw failure(`image not found: ${lacking.sort().join(', ')}`);
      return print(pretty(found.flatMap(({ name, image }) => (image ? [imageResource(name, image)] : []))));
    },

    'image pull': async (values) => {
      if (values['progressFlags.progress'] !== 'none') complain('[1/2] Fetching image [0s]\n');
      await images.pull(text(values, 'reference') ?? '');
      return print();
    },

    'image delete': async (values) => {
      const failed: string[] = [];
      for (const name of ids(values, 'images')) {
        const found = await images.find(name);
        if (found) await images.delete(name);
        else if (values.force !== true) failed.push(name);
      }
      if (failed.length > 0)
        throw failure(`failed to delete one or more images: ${JSON.stringify(failed).replaceAll(',', ', ')}`);
      return print();
    },

    'image tag': async (values) => {
      const [source, target] = [text(values, 'source') ?? '', text(values, 'target') ?? ''];
      if (!(await images.find(source))) throw failure(`image with reference ${source}`);
      await images.tag(source, target);
      return print(target);
    },

    build: (values) =>
      processes.build(values, surroundings).then(() => print(...ids(values, 'targetImageNames'))),

    'volume create': async (values) => {
      const name = text(values, 'name') ?? '';
      await volumes.create(name, keyValuePairs(ids(values, 'labels')));
      return print(name);
    },

    'volume list': async () => print(compact((await volumes.list()).map(volumeResource))),

    'volume inspect': async (values) => {
      const names = ids(values, 'names');
      const found = (await volumes.list()).filter(({ name }) => names.includes(name));
      const lacking = names.filter((name) => !found.some((volume) => volume.name === name));
      if (lacking.length > 0) throw failure(`volume not found: ${lacking.sort().join(', ')}`);
      return print(pretty(found.map(volumeResource)));
    },

    'volume delete': async (values) => {
      const failed: string[] = [];
      const names =
        values.all === true ? (await volumes.list()).map(({ name }) => name) : ids(values, 'names');
      const known = (await volumes.list()).map(({ name }) => name);
      const lacking = names.filter((name) => !known.includes(name));
      if (lacking.length > 0)
        throw failure(`failed to delete one or more volumes: ${JSON.stringify(lacking)}`);
      for (const name of names) {
        if ((await volumes.delete(name)) === 'deleted') out(`${name}\n`);
        else failed.push(name);
      }
      if (failed.length > 0)
        throw failure(`delete failed for one or more volumes: ${JSON.stringify(failed)}`);
      return print();
    },
  };
}
