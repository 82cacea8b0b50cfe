import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';

/** What kind of machine this is, as far as installing and starting things goes. */
export interface Host {
  readonly platform: 'linux' | 'macos' | 'other';
  /** `ID` of /etc/os-release: `debian`, `ubuntu`, `fedora`, … */
  readonly distribution: string;
  /** Whether packages come from apt here, be it Debian itself or a relative. */
  readonly hasApt: boolean;
  readonly isRoot: boolean;
  /** Whether systemd runs the services, and a daemon is therefore its to start. */
  readonly hasSystemd: boolean;
  readonly installForbidden: boolean;
}

export function readHost(environment: NodeJS.ProcessEnv = process.env): Host {
  const release = readOsRelease();
  const distribution = release.ID ?? 'unknown';
  const forbidden = environment.SANDBOX_NO_INSTALL ?? '';
  return {
    platform: process.platform === 'linux' ? 'linux' : process.platform === 'darwin' ? 'macos' : 'other',
    distribution,
    hasApt: [distribution, ...(release.ID_LIKE ?? '').split(' ')].includes('debian'),
    isRoot: process.getuid?.() === 0,
    hasSystemd: existsSync('/run/systemd/system'),
    installForbidden: !['', '0', 'false'].includes(forbidden),
  };
}

function readOsRelease(): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return {};
  }
}

/** Why nothing may be installed on this host by us; undefined where it may. */
export function whyNotInstall(host: Host): string | undefined {
  if (host.installForbidden) return 'SANDBOX_NO_INSTALL is set';
  if (host.platform === 'macos') return 'nothing is installed on macOS by this testbed';
  if (host.distribution !== 'debian')
    return `packages are installed on Debian only (this is ${host.distribution})`;
  if (!host.isRoot) return 'only root may install packages';
  return undefined;
}

/** A command as it has to be typed by this user. */
export function asRoot(host: Host, command: string): string {
  return host.isRoot ? command : `sudo ${command}`;
}
