import { runCommand } from './command.ts';
import { ensurePackages } from './debian-packages.ts';
import { readHost } from './host.ts';
import { type BringUpContext, SetupRefused } from './runtime.ts';

/** Debian 12 has this one; the agent keeps to it. */
const oldest = { major: 1, minor: 19 };

export interface Go {
  readonly version: string;
}

export async function findGo(): Promise<Go | undefined> {
  const answer = await runCommand('go', ['env', 'GOVERSION'], { env: { GOTOOLCHAIN: 'local' } }).catch(
    () => undefined,
  );
  if (answer === undefined || answer.exitCode !== 0) return undefined;
  return { version: answer.output.trim().replace(/^go/, '') };
}

/** Makes sure that `go` is on PATH and new enough to build the agent. Nothing but the agent is built with it. */
export async function ensureGo(context: BringUpContext): Promise<Go> {
  let go = await findGo();
  if (go === undefined) {
    const host = readHost();
    if (!host.hasApt)
      throw new SetupRefused(
        'Building the agent needs Go 1.19 or later on PATH: https://go.dev/doc/install',
        {
          commands: host.platform === 'macos' ? ['brew install go'] : [],
        },
      );
    await ensurePackages(['golang-go'], 'Building the agent', host, context);
    go = await findGo();
  }
  if (go === undefined) throw new Error('golang-go is installed, and still there is no `go` on PATH');
  const [major = 0, minor = 0] = go.version.split('.').map(Number.parseFloat);
  if (major < oldest.major || (major === oldest.major && minor < oldest.minor))
    throw new SetupRefused(`Building the agent needs Go 1.19 or later; the one on PATH is ${go.version}.`);
  return go;
}
