import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { mustRun, runCommand } from './command.ts';
import { ensurePackages } from './debian-packages.ts';
import {
  type DaemonPlace,
  findDaemonProgram,
  runningDaemonPid,
  startDaemon,
  stopDaemon,
  systemPlace,
} from './docker-daemon.ts';
import { dockerEndpoint } from './docker-endpoint.ts';
import { createEngineApi, type EngineApi } from './engine-api.ts';
import { asRoot, type Host, readHost, whyNotInstall } from './host.ts';
import { type ImageRecipe, imageLabel } from './image-recipes.ts';
import { bootId, dropRecord, identify, readRecord, waitUntil, writeRecord } from './process-record.ts';
import { ensureRootFileSystem } from './root-file-system.ts';
import {
  type BringUpContext,
  type ImageOutcome,
  type RuntimeStatus,
  SetupRefused,
  type TestbedRuntime,
} from './runtime.ts';

const units = ['docker.service', 'docker.socket'];
const place: DaemonPlace = systemPlace;

export function createDockerRuntime(): TestbedRuntime {
  const host = readHost();
  // Where the kernel has AppArmor, dockerd wants its parser.
  const packages = ['docker.io', 'runc', ...(existsSync('/sys/module/apparmor') ? ['apparmor'] : [])];

  return {
    name: 'docker',
    packages,

    detect: () => detect(host),

    async install(context) {
      await ensureInstallable(host);
      const before = runningDaemonPid(place);
      await ensurePackages(packages, 'Docker', host, context);
      // Some machines start a service as it is installed; that one was not there before us.
      await waitUntil(() => runningDaemonPid(place) !== undefined, host.hasSystemd ? 5_000 : 500);
      const pid = runningDaemonPid(place);
      const identity = pid === undefined || pid === before ? undefined : identify(pid);
      if (identity === undefined) return;
      if (host.hasSystemd) writeRecord(place.recordFile, { kind: 'systemd', units, bootId: bootId() });
      else writeRecord(place.recordFile, { kind: 'process', process: identity });
    },

    async start({ progress, signal }) {
      if (host.platform !== 'linux' || !host.isRoot)
        throw new SetupRefused('Docker is installed and does not run, and only root may start it.', {
          commands: [host.hasSystemd ? 'sudo systemctl start docker' : 'sudo dockerd'],
        });
      if (host.hasSystemd) await progress.step('starting docker.service', () => startService(signal));
      else await progress.step('starting dockerd', () => startDaemon(place, signal));
      progress.note('Docker was not running and has been started.');
    },

    async stop({ force }) {
      const record = readRecord(place.recordFile);
      if (record === undefined) return 'not-started-by-testbed';
      if (!force) await refuseWhileInUse();
      if (record.kind === 'process') await stopDaemon(place);
      else await mustRun('systemctl', ['stop', ...record.units], { timeoutMs: 120_000 });
      dropRecord(place.recordFile);
      return 'stopped';
    },

    ensureImage: (recipe, context) => ensureImage(engine(), recipe, host, context),
    hasImage: (name) => engine().hasImage(name),
    findLabelled: (labels, options) => engine().findLabelled(labels, options),
  };
}

async function detect(host: Host): Promise<RuntimeStatus> {
  const { url, socketPath, chosenBy } = dockerEndpoint();
  const found = { endpoint: url, startedByTestbed: readRecord(place.recordFile) !== undefined };
  if (socketPath === undefined)
    return {
      ...found,
      state: 'unhealthy',
      detail: `${chosenBy} names ${url}; the testbed deals with engines on this machine only`,
      remedy: chosenBy === 'DOCKER_HOST' ? ['unset DOCKER_HOST'] : ['docker context use default'],
    };
  try {
    return { ...found, state: 'healthy', version: await createEngineApi(socketPath).version() };
  } catch (error) {
    const { code, name } = error as NodeJS.ErrnoException;
    if (code === 'EACCES')
      return {
        ...found,
        state: 'unhealthy',
        detail: `this user may not use ${socketPath}`,
        remedy: [`sudo usermod -aG docker ${userInfo().username}`, 'newgrp docker'],
      };
    if (code !== 'ENOENT' && code !== 'ECONNREFUSED')
      return {
        ...found,
        state: 'unhealthy',
        detail:
          name === 'TimeoutError' || name === 'AbortError'
            ? `something accepts connections on ${socketPath} and does not answer`
            : `${socketPath}: ${(error as Error).message}`,
        remedy: found.startedByTestbed
          ? ['npm run testbed -- down --force']
          : host.hasSystemd
            ? [asRoot(host, 'systemctl restart docker')]
            : [],
      };
    if (chosenBy !== undefined)
      return {
        ...found,
        state: 'unhealthy',
        detail: `${chosenBy} names ${url}, and nothing answers there`,
        remedy: chosenBy === 'DOCKER_HOST' ? ['unset DOCKER_HOST'] : ['docker context use default'],
      };
    return { ...found, state: findDaemonProgram() === undefined ? 'absent' : 'stopped' };
  }
}

async function ensureInstallable(host: Host): Promise<void> {
  if (host.hasApt || whyNotInstall(host) === undefined) return;
  if (host.platform === 'macos')
    throw new SetupRefused('No Docker was found, and nothing is installed on macOS by this testbed.', {
      commands: ['brew install colima docker', 'colima start'],
    });
  const dnf = (await runCommand('dnf', ['--version']).catch(() => undefined)) !== undefined;
  throw new SetupRefused(
    `No Docker was found, and ${whyNotInstall(host)}. How to install it: https://docs.docker.com/engine/install/`,
    {
      commands: dnf
        ? [asRoot(host, 'dnf install -y moby-engine'), asRoot(host, 'systemctl start docker')]
        : [],
    },
  );
}

async function startService(signal: AbortSignal): Promise<void> {
  writeRecord(place.recordFile, { kind: 'systemd', units, bootId: bootId() });
  await mustRun('systemctl', ['start', 'docker.service'], { signal, timeoutMs: 120_000 });
  await engine().version({ timeoutMs: 30_000 });
}

async function refuseWhileInUse(): Promise<void> {
  const others = await engine()
    .runningWithout('dev.sandbox.managed=true')
    .catch(() => []);
  if (others.length > 0)
    throw new SetupRefused(
      `Docker was started here, and stopping it would end containers that are not sandboxes: ${others.join(', ')}.`,
      { commands: [`docker stop ${others.join(' ')}`, 'npm run testbed -- down --force'] },
    );
}

function engine(): EngineApi {
  const { socketPath, url } = dockerEndpoint();
  if (socketPath === undefined) throw new Error(`${url} is not on this machine`);
  return createEngineApi(socketPath);
}

/** The published image where a registry can be reached, else the same made from Debian's packages. */
export async function ensureImage(
  engine: EngineApi,
  recipe: ImageRecipe,
  host: Host,
  context: BringUpContext,
): Promise<ImageOutcome> {
  const { progress, signal } = context;
  if (await engine.hasImage(recipe.name)) return 'present';

  if (recipe.published) {
    const pulled = await progress.step(`pulling ${recipe.name}`, () =>
      engine.pull(recipe.name, { firstByteMs: 15_000, timeoutMs: 600_000, signal }).then(
        () => true,
        () => false,
      ),
    );
    signal.throwIfAborted();
    if (pulled) return 'pulled';
    progress.note(`${recipe.name} cannot be pulled; it is made from Debian's packages instead.`);
  }

  const archive = await ensureRootFileSystem(recipe, host, context);
  // Somebody may have brought one in the meantime, and theirs stays.
  if (await engine.hasImage(recipe.name)) return 'present';
  await progress.step(`importing ${recipe.name}`, () =>
    engine.importImage(
      recipe.name,
      archive,
      [
        // An imported image has neither of its own.
        'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'CMD ["bash"]',
        `LABEL ${imageLabel}`,
      ],
      signal,
    ),
  );
  return 'imported';
}
