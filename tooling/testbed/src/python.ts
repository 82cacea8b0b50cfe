import { runCommand } from './command.ts';
import { ensurePackages } from './debian-packages.ts';
import { readHost } from './host.ts';
import { type BringUpContext, SetupRefused } from './runtime.ts';

export interface Python {
  readonly version: string;
}

/** One that makes virtual environments: Debian has that in a package of its own. */
async function findPython(): Promise<Python | undefined> {
  const script = 'import ensurepip, platform, venv; print(platform.python_version())';
  const answer = await runCommand('python3', ['-c', script]).catch(() => undefined);
  return answer?.exitCode === 0 ? { version: answer.output.trim() } : undefined;
}

/** Makes sure that `python3` is on PATH. A client of the service in another language is generated and run with it; nothing else is. */
export async function ensurePython(context: BringUpContext): Promise<Python> {
  const there = await findPython();
  if (there !== undefined) return there;
  const host = readHost();
  const what = 'Trying the service from another language';
  if (!host.hasApt)
    throw new SetupRefused(`${what} needs python3 with venv and pip on PATH.`, {
      commands: host.platform === 'macos' ? ['brew install python'] : [],
    });
  await ensurePackages(['python3-venv'], what, host, context);
  const python = await findPython();
  if (python === undefined)
    throw new Error('python3-venv is installed, and still python3 makes no virtual environment');
  return python;
}
