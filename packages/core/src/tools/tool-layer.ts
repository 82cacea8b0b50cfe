import { createHash } from 'node:crypto';
import { SandboxError } from '../errors/sandbox-error.ts';
import { PACKAGE_MANAGERS, type PackageManager, toolOf } from './tools.ts';

/** Where each package manager is in an image that has it. */
export const PACKAGE_MANAGER_PATHS: Readonly<Record<PackageManager, string>> = {
  apt: '/usr/bin/apt-get',
  apk: '/sbin/apk',
  dnf: '/usr/bin/dnf',
};

/** Which package manager a base has, by the paths that were found in it; undefined for a base that we do not know. Pure. */
export function packageManagerOf(found: readonly string[]): PackageManager | undefined {
  return PACKAGE_MANAGERS.find((manager) => found.includes(PACKAGE_MANAGER_PATHS[manager]));
}

/** Lists of what there is, compressed, and no translations and indexes of them: all that is ten times as large. */
const SMALL_LISTS = [
  'Acquire::GzipIndexes=true',
  'Acquire::Languages=none',
  'Dir::Cache::pkgcache=',
  'Dir::Cache::srcpkgcache=',
];
const APT_OPTIONS = SMALL_LISTS.flatMap((option) => ['-o', option]);

/** Of each alternative the first one that there is. Its arguments are the packages: the text is always this one. */
const INSTALL_WITH_APT = `set -- "$@" ''
while [ -n "$1" ]; do
  for name in $(echo "$1" | tr '|' ' '); do
    if apt-cache show --no-all-versions "$name" > /dev/null 2>&1; then break; fi
  done
  shift
  set -- "$@" "$name"
done
shift
exec apt-get install --yes --no-install-recommends -o APT::Keep-Downloaded-Packages=false ${APT_OPTIONS.join(' ')} "$@"`;

/** Certificates of the authorities, without which nothing is fetched. */
const ALWAYS = 'ca-certificates';

/**
 * The commands that install tools, each as an argv, run as root. Lists of what there is stay, so that later installations need no look at the network
 * first. Pure.
 */
export function installCommands(
  manager: PackageManager,
  tools: readonly string[],
): readonly (readonly string[])[] {
  const packages = [ALWAYS, ...new Set(tools.flatMap((name) => toolOf(name).packages[manager]))];
  switch (manager) {
    case 'apt':
      return [
        // Without the mode, a network that is not there would only be a warning.
        [
          'apt-get',
          'update',
          '-o',
          'APT::Update::Error-Mode=any',
          '-o',
          'Acquire::Retries=1',
          ...APT_OPTIONS,
        ],
        ['env', 'DEBIAN_FRONTEND=noninteractive', 'sh', '-c', INSTALL_WITH_APT, 'install', ...packages],
      ];
    case 'apk':
      return [
        ['apk', 'update'],
        ['apk', 'add', ...packages],
      ];
    case 'dnf':
      return [
        [
          'dnf',
          'install',
          '--assumeyes',
          '--allowerasing',
          '--setopt=install_weak_deps=False',
          '--nodocs',
          ...packages,
        ],
      ];
  }
}

/** What a Dockerfile can name without saying more than a name. */
const REFERENCE = /^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/;

export interface ToolsBuild {
  readonly manager: PackageManager;
  readonly base: string;
  readonly tools: readonly string[];
  /** From the first step on: a build that is given up leaves an image, which is found by them. */
  readonly labels: Readonly<Record<string, string>>;
}

/** `INVALID_ARGUMENT` for a base that is no reference. Pure. */
export function toolsDockerfile({ manager, base, tools, labels }: ToolsBuild): string {
  if (!REFERENCE.test(base)) {
    throw new SandboxError('INVALID_ARGUMENT', `${JSON.stringify(base)} is not the reference of an image`, {
      operation: 'tools',
    });
  }
  const runs = installCommands(manager, tools).map((argv) => `RUN ${JSON.stringify(argv)}`);
  const pairs = Object.entries(labels).map(([key, value]) => `${quoted(key)}=${quoted(value)}`);
  return [`FROM ${base}`, `LABEL ${pairs.join(' ')}`, 'USER 0:0', ...runs, ''].join('\n');
}

/** A word of a Dockerfile, in which nothing is put in place of a variable. */
function quoted(text: string): string {
  return `"${text.replaceAll(/[\r\n]/g, ' ').replaceAll(/["\\$]/g, '\\$&')}"`;
}

/**
 * The layer's name: the same for the same base, by its id, and the same tools, whoever asks; another one where they would be installed in another way. Pure.
 */
export function toolLayerName(baseId: string, tools: readonly string[]): string {
  const recipes = PACKAGE_MANAGERS.map((manager) => installCommands(manager, tools));
  const hash = createHash('sha256').update(JSON.stringify([baseId, tools, recipes]));
  return `sandbox-tools:${hash.digest('hex').slice(0, 24)}`;
}
