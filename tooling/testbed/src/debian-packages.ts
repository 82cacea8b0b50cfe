import { join } from 'node:path';
import { mustRun, runCommand } from './command.ts';
import { type Host, whyNotInstall } from './host.ts';
import { stateDirectory } from './places.ts';
import { type BringUpContext, SetupRefused } from './runtime.ts';

/**
 * Installs what is missing of these Debian packages, having named it first.
 * @throws SetupRefused where installing is not ours to do, with what to type instead
 */
export async function ensurePackages(
  names: readonly string[],
  purpose: string,
  host: Host,
  { progress, signal }: BringUpContext,
): Promise<void> {
  const missing = host.hasApt ? await notInstalled(names) : names;
  if (missing.length === 0) return;
  const list = missing.join(' ');

  const refusal = whyNotInstall(host);
  if (refusal !== undefined)
    throw new SetupRefused(`${purpose} needs ${list}, and ${refusal}.`, {
      packages: host.hasApt ? missing : [],
    });

  progress.note(`${purpose} needs Debian packages that are not installed: ${list}. Installing them now.`);
  const logFile = join(stateDirectory(), 'apt.log');
  signal.throwIfAborted();
  await progress.step(`installing ${list}`, () => install(missing, logFile));
  signal.throwIfAborted();
}

export async function notInstalled(names: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const name of names) {
    const format = '--showformat=${db:Status-Status}';
    const { output } = await runCommand('dpkg-query', ['--show', format, name]);
    if (output !== 'installed') missing.push(name);
  }
  return missing;
}

async function install(names: readonly string[], logFile: string): Promise<void> {
  // Not ended by an abort: a half-installed package is worse than a few more seconds.
  const options = { env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' }, logFile };
  const apt = ['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=180', '-o', 'Acquire::Retries=2'];
  const update = () => mustRun('apt-get', ['-o', 'Acquire::Retries=2', 'update'], options);

  const listed = await hasCandidates(names);
  if (!listed) await update();
  const first = await runCommand('apt-get', ['install', ...apt, ...names], options);
  if (first.exitCode === 0) return;
  // The lists may be so old that the mirror no longer has what they name.
  if (listed) await update();
  await mustRun('apt-get', ['install', ...apt, ...names], options);
}

async function hasCandidates(names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    const { output } = await runCommand('apt-cache', ['policy', name], { env: { LC_ALL: 'C' } });
    if (!/^ {2}Candidate: (?!\(none\))/m.test(output)) return false;
  }
  return true;
}
