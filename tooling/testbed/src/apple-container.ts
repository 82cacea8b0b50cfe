import { existsSync } from 'node:fs';
import { Containers } from './apple-container/containers.ts';
import { Engine, LABEL_DOUBLE, NAME_PREFIX } from './apple-container/engine.ts';
import { containerDouble } from './apple-container/index.ts';
import { Volumes } from './apple-container/volumes.ts';
import { createDockerRuntime } from './docker.ts';
import { dockerEndpoint } from './docker-endpoint.ts';
import { createEngineApi } from './engine-api.ts';
import type { TestbedRuntime } from './runtime.ts';

/** The release whose grammar the double has. */
const version = '1.2.2';

/** Apple's `container`, played by a double over Docker: it is up when Docker is. */
export function createAppleContainerRuntime(): TestbedRuntime {
  const docker = createDockerRuntime();
  return {
    name: 'apple-container',
    packages: docker.packages,

    async detect() {
      const { state, detail, remedy } = await docker.detect();
      return {
        state,
        version: `${version} (double)`,
        endpoint: containerDouble,
        ...(detail !== undefined && { detail }),
        ...(remedy !== undefined && { remedy }),
      };
    },

    install: (context) => docker.install(context),
    start: (context) => docker.start(context),

    async stop() {
      // Docker itself is stopped by its own entry; this is what the double leaves for the next time.
      const { socketPath } = dockerEndpoint();
      if (socketPath !== undefined && existsSync(socketPath))
        await createEngineApi(socketPath)
          .findLabelled([`${LABEL_DOUBLE}=1`], { remove: true })
          .catch(() => []);
      return 'not-started-by-testbed';
    },

    ensureImage: (recipe, context) => docker.ensureImage(recipe, context),
    hasImage: (name) => docker.hasImage(name),

    async findLabelled(labels, { remove }) {
      const engine = new Engine(dockerEndpoint().socketPath);
      const [containers, volumes] = [new Containers(engine), new Volumes(engine)];
      const carries = (found: Readonly<Record<string, string>>) =>
        labels.every((label) => {
          const cut = label.indexOf('=');
          return found[label.slice(0, cut)] === label.slice(cut + 1);
        });
      const ids = (await containers.list())
        .map(({ configuration }) => configuration)
        .filter((configuration) => carries(configuration.labels))
        .map(({ id }) => id);
      const names = (await volumes.list()).filter((volume) => carries(volume.labels)).map(({ name }) => name);
      if (remove) for (const id of ids) await containers.delete(id);
      if (remove) for (const name of names) await volumes.delete(name);
      return [
        ...ids.map((id) => `container ${NAME_PREFIX}${id}`),
        ...names.map((name) => `volume ${NAME_PREFIX}${name}`),
      ];
    },
  };
}
