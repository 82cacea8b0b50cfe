import { runCommand } from './command.ts';
import { ensurePackages } from './debian-packages.ts';
import { type Host, readHost, whyNotInstall } from './host.ts';
import { findLabelledDirectories } from './labelled-directories.ts';
import { type RuntimeStatus, SetupRefused, type TestbedRuntime } from './runtime.ts';

const packages = ['bubblewrap'];

/** No daemon and no image: one program, in every distribution. */
export function createBubblewrapRuntime(): TestbedRuntime {
  const host = readHost();
  return {
    name: 'bubblewrap',
    packages,
    detect: () => detect(),

    async install(context) {
      refuse(host);
      await ensurePackages(packages, 'bwrap', host, context);
    },

    async start() {
      // There is nothing to start.
    },
    stop: async () => 'not-started-by-testbed',
    // Its root file system is the host's own /usr.
    ensureImage: async () => 'not needed',
    hasImage: async () => true,
    findLabelled: async (labels, { remove }) => findLabelledDirectories('bubblewrap', labels, remove),
  };
}

async function detect(): Promise<RuntimeStatus> {
  const answer = await runCommand('bwrap', ['--version'], { timeoutMs: 10_000 }).catch(
    (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? undefined : { exitCode: -1, output: error.message },
  );
  return answer === undefined ? { state: 'absent' } : readVersion(answer);
}

/** From what `bwrap --version` says. Pure. */
export function readVersion({ exitCode, output }: { exitCode: number; output: string }): RuntimeStatus {
  const endpoint = 'bwrap';
  const version = /^bubblewrap (\d+)\.(\d+)\.\d+$/.exec(output.trim());
  if (exitCode !== 0 || version === null)
    return { state: 'unhealthy', endpoint, detail: output.trim().slice(0, 300), remedy: ['bwrap --version'] };
  const [text, major, minor] = version;
  if (Number(major) === 0 && Number(minor) < 8)
    return { state: 'unhealthy', endpoint, detail: `${text} is older than 0.8.0`, remedy: [] };
  return { state: 'healthy', endpoint, version: text.split(' ')[1] ?? '' };
}

function refuse(host: Host): void {
  if (host.platform !== 'linux')
    throw new SetupRefused(`bubblewrap does not run on ${process.platform}.`, { commands: [] });
  const why = whyNotInstall(host);
  if (why === undefined || host.hasApt) return;
  throw new SetupRefused(`No bubblewrap was found, and ${why}: install the package of this name.`, {
    commands: [],
  });
}
