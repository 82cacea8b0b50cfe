/** How one word of a command line becomes a value; a list names the words that an enumeration takes. */
export type ValueType = 'string' | 'int32' | 'int64' | 'uint32' | 'comma-list' | readonly string[];

export interface OptionSpec {
  /** With their dashes; the last long one is the preferred one in messages. */
  readonly names: readonly string[];
  /** Where the real command keeps the value. */
  readonly property: string;
  /** A `list` may be given again and again; of a `value` the last one wins. */
  readonly kind: 'flag' | 'value' | 'list';
  readonly type: ValueType;
  /** In messages: `--workdir <dir>`. */
  readonly valueName: string;
  /** The first release that has it. */
  readonly since: string;
  /** Whether a wrong word is answered with the words that there are. */
  readonly listsWords: boolean;
}

export interface PositionalSpec {
  readonly property: string;
  readonly name: string;
  readonly repeat: boolean;
  readonly optional: boolean;
  /** Takes everything after it as it is, options included. */
  readonly passthrough: boolean;
}

export interface CommandSpec {
  /** Its words, such as `['image', 'list']`. */
  readonly path: readonly string[];
  readonly aliases: readonly string[];
  readonly options: readonly OptionSpec[];
  readonly positionals: readonly PositionalSpec[];
  readonly since: string;
  /** What the parser refuses once all words are read, with exit code 64. */
  readonly refuses?: (values: Readonly<Record<string, unknown>>) => string | undefined;
}

type More = Partial<Pick<OptionSpec, 'type' | 'valueName' | 'since' | 'listsWords'>>;

function option(kind: OptionSpec['kind'], names: string, property: string, more: More = {}): OptionSpec {
  const all = names.split(' ');
  const preferred = all.findLast((name) => name.startsWith('--')) ?? all[0] ?? '';
  const valueName = preferred.length > 2 ? preferred.replace(/^-+/, '') : property;
  return {
    names: all,
    property,
    kind,
    type: 'string',
    valueName,
    since: '0.1.0',
    listsWords: false,
    ...more,
  };
}

export const flag = (names: string, property: string, more?: More) => option('flag', names, property, more);
export const value = (names: string, property: string, more?: More) => option('value', names, property, more);
export const list = (names: string, property: string, more?: More) => option('list', names, property, more);

type Place = 'repeat' | 'optional' | 'passthrough';

export function positional(property: string, name: string, ...places: Place[]): PositionalSpec {
  const is = (place: Place) => places.includes(place);
  return {
    property,
    name,
    repeat: is('repeat') || is('passthrough'),
    optional: is('optional'),
    passthrough: is('passthrough'),
  };
}

export const processFlags = [
  list('-e --env', 'processFlags.env'),
  list('--env-file', 'processFlags.envFile'),
  value('--gid', 'processFlags.gid', { type: 'uint32' }),
  value('--uid', 'processFlags.uid', { type: 'uint32' }),
  value('-u --user', 'processFlags.user'),
  flag('-i --interactive', 'processFlags.interactive'),
  flag('-t --tty', 'processFlags.tty'),
  value('-w --cwd --workdir', 'processFlags.cwd', { valueName: 'dir' }),
  list('--ulimit', 'processFlags.ulimits', { valueName: 'limit', since: '0.9.0' }),
];

export const resourceFlags = [
  value('-c --cpus', 'resourceFlags.cpus', { type: 'int64' }),
  value('-m --memory', 'resourceFlags.memory'),
];

export const dns = (prefix: string) => [
  list('--dns', `${prefix}dns.nameservers`, { valueName: 'ip' }),
  value('--dns-domain', `${prefix}dns.domain`, { valueName: 'domain' }),
  list('--dns-option', `${prefix}dns.options`, { valueName: 'option' }),
  list('--dns-search', `${prefix}dns.searchDomains`, { valueName: 'domain' }),
];

export const managementFlags = [
  value('-a --arch', 'managementFlags.arch'),
  list('--cap-add', 'managementFlags.capAdd', { valueName: 'cap', since: '0.12.0' }),
  list('--cap-drop', 'managementFlags.capDrop', { valueName: 'cap', since: '0.12.0' }),
  value('--cidfile', 'managementFlags.cidfile'),
  flag('-d --detach', 'managementFlags.detach'),
  ...dns('managementFlags.'),
  value('--entrypoint', 'managementFlags.entrypoint', { valueName: 'cmd' }),
  flag('--init', 'managementFlags.useInit', { since: '0.10.0' }),
  value('--init-image', 'managementFlags.initImage', { valueName: 'image', since: '0.10.0' }),
  value('-k --kernel', 'managementFlags.kernel', { valueName: 'path' }),
  list('--kernel-arg', 'managementFlags.kernelArgs', { valueName: 'arg', since: '1.2.0' }),
  list('-l --label', 'managementFlags.labels'),
  list('--masked-path', 'managementFlags.maskedPaths', { valueName: 'path', since: '1.2.1' }),
  list('--mount', 'managementFlags.mounts'),
  value('--name', 'managementFlags.name'),
  list('--network', 'managementFlags.networks', { since: '0.2.0' }),
  flag('--no-dns', 'managementFlags.dnsDisabled'),
  value('--os', 'managementFlags.os'),
  list('-p --publish', 'managementFlags.publishPorts', { valueName: 'spec', since: '0.3.0' }),
  value('--platform', 'managementFlags.platform', { since: '0.4.0' }),
  list('--publish-socket', 'managementFlags.publishSockets', { valueName: 'spec', since: '0.2.0' }),
  flag('--read-only', 'managementFlags.readOnly', { since: '0.8.0' }),
  list('--read-only-path', 'managementFlags.readonlyPaths', { valueName: 'path', since: '1.2.1' }),
  flag('--rm --remove', 'managementFlags.remove'),
  flag('--rosetta', 'managementFlags.rosetta', { since: '0.7.0' }),
  value('--runtime', 'managementFlags.runtime', { since: '0.10.0' }),
  flag('--ssh', 'managementFlags.ssh', { since: '0.4.0' }),
  value('--shm-size', 'managementFlags.shmSize', { since: '1.0.0' }),
  list('--tmpfs', 'managementFlags.tmpFs'),
  flag('--virtualization', 'managementFlags.virtualization', { since: '0.3.0' }),
  list('-v --volume', 'managementFlags.volumes'),
];

export const registry = (property: string) => value('--scheme', property);
const progressWords = ['auto', 'none', 'ansi', 'plain', 'color'];
export const progress = value('--progress', 'progressFlags.progress', {
  type: progressWords,
  valueName: 'type',
  since: '0.7.0',
});
export const downloads = value('--max-concurrent-downloads', 'imageFetchFlags.maxConcurrentDownloads', {
  type: 'int64',
  since: '0.7.1',
});
export const format = (since = '0.1.0') =>
  value('--format', 'format', { type: ['json', 'table', 'yaml', 'toml'], since, listsWords: true });
export const quiet = flag('-q --quiet', 'quiet');
export const all = flag('-a --all', 'all');
export const force = flag('-f --force', 'force');
export const platform = [value('-a --arch', 'arch'), value('--os', 'os'), value('--platform', 'platform')];

export const containerIds = positional('containerIds', '<container-ids> ...', 'repeat', 'optional');
