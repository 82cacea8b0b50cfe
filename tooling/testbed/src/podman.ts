import { join } from 'node:path';
import { mustRun, runCommand } from './command.ts';
import { ensurePackages } from './debian-packages.ts';
import { type Host, readHost, whyNotInstall } from './host.ts';
import { type ImageRecipe, imageLabel } from './image-recipes.ts';
import { carries } from './labels.ts';
import { stateDirectory } from './places.ts';
import { ensureRootFileSystem } from './root-file-system.ts';
import {
  type BringUpContext,
  type ImageOutcome,
  type RuntimeStatus,
  SetupRefused,
  type TestbedRuntime,
} from './runtime.ts';

/** runc, as crun refuses hosts with hybrid cgroups; the rest is for networks and for Podman without root rights. */
const packages = ['podman', 'runc', 'netavark', 'iptables', 'uidmap', 'slirp4netns', 'fuse-overlayfs'];

/** No daemon: who wants Podman's API starts it, as the adapter does. Everything here goes through the command line. */
export function createPodmanRuntime(): TestbedRuntime {
  const host = readHost();
  return {
    name: 'podman',
    packages,
    detect: () => detect(),

    async install(context) {
      refuse(host);
      await ensurePackages(packages, 'Podman', host, context);
    },

    async start() {
      // There is nothing to start.
    },
    stop: async () => 'not-started-by-testbed',
    ensureImage: (recipe, context) => ensureImage(recipe, host, context),
    hasImage,
    findLabelled: (labels, { remove }) => findLabelled(labels, remove),
  };
}

async function detect(): Promise<RuntimeStatus> {
  const answer = await podman(['info', '--format', '{{.Version.Version}}'], 20_000).catch(
    (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? undefined : { exitCode: -1, output: error.message },
  );
  if (answer === undefined) return { state: 'absent' };
  // Warnings come before it.
  const last = answer.output.trim().split('\n').at(-1) ?? '';
  if (answer.exitCode === 0) return { state: 'healthy', endpoint: 'podman', version: last };
  return { state: 'unhealthy', endpoint: 'podman', detail: last.slice(0, 300), remedy: ['podman info'] };
}

function refuse(host: Host): void {
  const why = whyNotInstall(host);
  if (why === undefined || host.hasApt) return;
  throw new SetupRefused(`No Podman was found, and ${why}.`, {
    commands: host.platform === 'macos' ? ['brew install podman', 'podman machine init --now'] : [],
  });
}

/** As the published image is called: without a registry's name it would be one of this machine only. */
function fullName(name: string): string {
  return `docker.io/library/${name}`;
}

async function hasImage(name: string): Promise<boolean> {
  return (await podman(['image', 'exists', fullName(name)])).exitCode === 0;
}

async function ensureImage(recipe: ImageRecipe, host: Host, context: BringUpContext): Promise<ImageOutcome> {
  const { progress, signal } = context;
  const name = fullName(recipe.name);
  if (await hasImage(recipe.name)) return 'present';
  if (recipe.published) {
    const { exitCode } = await progress.step(`pulling ${recipe.name}`, () =>
      runCommand('podman', ['pull', '--quiet', name], { signal, timeoutMs: 600_000 }),
    );
    if (exitCode === 0) return 'pulled';
    progress.note(`${recipe.name} cannot be pulled; it is made from Debian's packages instead.`);
  }
  const archive = await ensureRootFileSystem(recipe, host, context);
  const changes = [
    // An imported image has neither of its own.
    'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'CMD ["bash"]',
    `LABEL ${imageLabel}`,
  ].flatMap((change) => ['--change', change]);
  const logFile = join(stateDirectory(), 'podman-import.log');
  await progress.step(`importing ${recipe.name}`, () =>
    mustRun('podman', ['import', ...changes, archive, name], { signal, timeoutMs: 300_000, logFile }),
  );
  return 'imported';
}

interface Labelled {
  readonly kind: string;
  readonly list: readonly string[];
  readonly remove: readonly string[];
}

/** Networks last: one in use stays. */
const labelledKinds: readonly Labelled[] = [
  { kind: 'container', list: ['ps', '--all'], remove: ['rm', '--force', '--volumes', '--time=0'] },
  { kind: 'volume', list: ['volume', 'ls'], remove: ['volume', 'rm', '--force'] },
  { kind: 'network', list: ['network', 'ls'], remove: ['network', 'rm'] },
];

async function findLabelled(labels: readonly string[], remove: boolean): Promise<string[]> {
  const found: string[] = [];
  for (const { kind, list, remove: removal } of labelledKinds) {
    const { output } = await podman([...list, '--format', 'json']);
    for (const item of parseList(output)) {
      if (!carries((item.Labels ?? item.labels) as Record<string, unknown> | null, labels)) continue;
      const [name = ''] = [item.Names ?? item.Name ?? item.name].flat().map(String);
      found.push(`${kind} ${name}`);
      if (remove) await podman([...removal, name]);
    }
  }
  return found;
}

/** Podman writes its warnings to stderr, which comes in the same text, before the answer. */
function parseList(output: string): Record<string, unknown>[] {
  const start = output.search(/^\[/m);
  return start < 0 ? [] : (JSON.parse(output.slice(start)) as Record<string, unknown>[]);
}

function podman(args: readonly string[], timeoutMs = 60_000) {
  return runCommand('podman', args, { timeoutMs });
}
