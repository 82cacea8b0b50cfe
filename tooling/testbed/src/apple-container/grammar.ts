import {
  all,
  type CommandSpec,
  containerIds,
  dns,
  downloads,
  flag,
  force,
  format,
  list,
  managementFlags,
  type OptionSpec,
  type PositionalSpec,
  platform,
  positional,
  processFlags,
  progress,
  quiet,
  registry,
  resourceFlags,
  value,
} from './grammar-parts.ts';

/** Refuses what the option group of `run` and `create` refuses. */
function refusesDnsTwice(values: Readonly<Record<string, unknown>>): string | undefined {
  const configured = Object.keys(values).some((property) => property.startsWith('managementFlags.dns.'));
  if (values['managementFlags.dnsDisabled'] !== true || !configured) return undefined;
  return '`--no-dns` cannot be used with DNS configuration flags (`--dns`, `--dns-domain`, `--dns-option`, `--dns-search`)';
}

interface CommandParts {
  readonly aliases?: readonly string[];
  readonly options?: readonly OptionSpec[];
  readonly positionals?: readonly PositionalSpec[];
  readonly since?: string;
  readonly refuses?: CommandSpec['refuses'];
}

function command(path: string, parts: CommandParts = {}): CommandSpec {
  return {
    path: path.split(' '),
    aliases: parts.aliases ?? [],
    options: parts.options ?? [],
    positionals: parts.positionals ?? [],
    since: parts.since ?? '0.1.0',
    ...(parts.refuses && { refuses: parts.refuses }),
  };
}

const process = [
  positional('image', '<image>'),
  positional('arguments', '<arguments> ...', 'passthrough', 'optional'),
];
const making = [
  ...processFlags,
  ...resourceFlags,
  ...managementFlags,
  registry('registryFlags.scheme'),
  downloads,
];

/** Groups of commands, with the other words for them. */
export const groups: Readonly<Record<string, readonly string[]>> = {
  image: ['i'],
  volume: ['v'],
  network: ['n'],
  builder: [],
  system: ['s'],
  registry: [],
  machine: ['m'],
};

/** Every command of `container` 1.2.2 that a program may want, as data. */
export const commands: readonly CommandSpec[] = [
  command('run', { options: [...making, progress], positionals: process, refuses: refusesDnsTwice }),
  command('create', { options: making, positionals: process, refuses: refusesDnsTwice }),
  command('start', {
    options: [flag('-a --attach', 'attach'), flag('-i --interactive', 'interactive')],
    positionals: [positional('containerId', '<container-id>')],
  }),
  command('stop', {
    options: [all, value('-s --signal', 'signal'), value('-t --time', 'time', { type: 'int32' })],
    positionals: [containerIds],
  }),
  command('kill', { options: [all, value('-s --signal', 'signal')], positionals: [containerIds] }),
  command('delete', { aliases: ['rm'], options: [all, force], positionals: [containerIds] }),
  command('exec', {
    options: [...processFlags, flag('-d --detach', 'detach', { since: '0.7.0' })],
    positionals: [
      positional('containerId', '<container-id>'),
      positional('arguments', '<arguments> ...', 'passthrough'),
    ],
  }),
  command('list', { aliases: ['ls'], options: [all, format(), quiet] }),
  command('inspect', { positionals: [positional('containerIds', '<container-ids> ...', 'repeat')] }),
  command('logs', {
    options: [
      flag('--boot', 'boot'),
      flag('-f --follow', 'follow'),
      value('-n', 'numLines', { type: 'int64', valueName: 'num-lines' }),
    ],
    positionals: [positional('containerId', '<container-id>')],
  }),
  command('stats', {
    options: [format(), flag('--no-stream', 'noStream')],
    positionals: [positional('containers', '<containers> ...', 'repeat', 'optional')],
    since: '0.7.0',
  }),
  command('copy', {
    aliases: ['cp'],
    positionals: [positional('source', '<source>'), positional('destination', '<destination>')],
    since: '1.0.0',
  }),
  command('export', {
    options: [value('-o --output', 'output')],
    positionals: [positional('id', '<id>')],
    since: '0.10.0',
  }),
  command('prune', { since: '0.9.0' }),
  command('build', {
    options: [
      list('-a --arch', 'arch', { type: 'comma-list', valueName: 'value' }),
      list('--build-arg', 'buildArg', { valueName: 'key=val' }),
      list('--cache-in', 'cacheIn', { valueName: 'value' }),
      list('--cache-out', 'cacheOut', { valueName: 'value' }),
      value('-c --cpus', 'cpus', { type: 'int64' }),
      value('-f --file', 'file', { valueName: 'path' }),
      list('-l --label', 'label', { valueName: 'key=val' }),
      value('-m --memory', 'memory'),
      flag('--no-cache', 'noCache'),
      list('-o --output', 'output', { valueName: 'value' }),
      list('--os', 'os', { type: 'comma-list', valueName: 'value' }),
      list('--platform', 'platform', { type: 'comma-list' }),
      value('--progress', 'progress', { type: ['auto', 'plain', 'tty'], valueName: 'type' }),
      quiet,
      list('--secret', 'secret', { valueName: 'id=key,...' }),
      value('--ssh', 'ssh', { valueName: 'default', since: '1.2.1' }),
      list('-t --tag', 'targetImageNames', { valueName: 'name' }),
      value('--target', 'target', { valueName: 'stage' }),
      value('--vsock-port', 'vsockPort', { type: 'uint32', valueName: 'port' }),
      flag('--pull', 'pull'),
      ...dns(''),
    ],
    positionals: [positional('contextDir', '<context-dir>', 'optional')],
  }),
  command('image list', { aliases: ['ls'], options: [format(), quiet, flag('-v --verbose', 'verbose')] }),
  command('image pull', {
    options: [registry('registry.scheme'), progress, downloads, ...platform],
    positionals: [positional('reference', '<reference>')],
  }),
  command('image push', {
    options: [registry('registry.scheme'), progress, ...platform],
    positionals: [positional('reference', '<reference>')],
  }),
  command('image inspect', { positionals: [positional('images', '<images> ...', 'repeat')] }),
  command('image delete', {
    aliases: ['rm'],
    options: [all, { ...force, since: '0.9.0' }],
    positionals: [positional('images', '<images> ...', 'repeat', 'optional')],
  }),
  command('image tag', { positionals: [positional('source', '<source>'), positional('target', '<target>')] }),
  command('image save', {
    options: [...platform, value('-o --output', 'output')],
    positionals: [positional('references', '<references> ...', 'repeat')],
  }),
  command('image load', { options: [value('-i --input', 'input'), force] }),
  command('image prune', { options: [all] }),
  command('volume create', {
    options: [list('--label', 'labels'), list('--opt', 'driverOpts'), value('-s', 'size')],
    positionals: [positional('name', '<name>')],
    since: '0.4.0',
  }),
  command('volume delete', {
    aliases: ['rm'],
    options: [all],
    positionals: [positional('names', '<names> ...', 'repeat', 'optional')],
    since: '0.4.0',
  }),
  command('volume list', { aliases: ['ls'], options: [format(), quiet], since: '0.4.0' }),
  command('volume inspect', { positionals: [positional('names', '<names> ...', 'repeat')], since: '0.4.0' }),
  command('volume prune', { since: '0.6.0' }),
  command('network create', {
    options: [
      flag('--internal', 'hostOnly', { since: '0.9.0' }),
      list('--label', 'labels'),
      list('--option', 'options'),
      value('--plugin', 'plugin'),
      value('--subnet', 'ipv4Subnet'),
      value('--subnet-v6', 'ipv6Subnet'),
    ],
    positionals: [positional('name', '<name>')],
    since: '0.2.0',
  }),
  command('network delete', {
    aliases: ['rm'],
    options: [all],
    positionals: [positional('networkNames', '<network-names> ...', 'repeat', 'optional')],
    since: '0.2.0',
  }),
  command('network list', { aliases: ['ls'], options: [format(), quiet], since: '0.2.0' }),
  command('network inspect', {
    positionals: [positional('networks', '<networks> ...', 'repeat')],
    since: '0.2.0',
  }),
  command('network prune', { since: '0.8.0' }),
  command('builder start', { options: [...resourceFlags, ...dns('')] }),
  command('builder status', { options: [format(), quiet] }),
  command('builder stop'),
  command('builder delete', { aliases: ['rm'], options: [force] }),
  command('system start', {
    options: [
      value('-a --app-root', 'appRoot'),
      value('--install-root', 'installRoot'),
      value('--log-root', 'logRoot'),
      flag('--enable-kernel-install', 'kernelInstall'),
      flag('--disable-kernel-install', 'noKernelInstall'),
      value('--timeout', 'timeout', { type: 'int64' }),
    ],
  }),
  command('system stop', { options: [value('-p --prefix', 'prefix')] }),
  command('system status', { options: [value('-p --prefix', 'prefix'), format('0.10.0')] }),
  command('system version', { options: [format()], since: '0.8.0' }),
  command('system df', { options: [format()], since: '0.7.0' }),
  command('system logs', { options: [flag('-f --follow', 'follow'), value('--last', 'last')] }),
  command('registry login', {
    options: [
      registry('registry.scheme'),
      flag('--password-stdin', 'passwordStdin'),
      value('-u --username', 'username'),
    ],
    positionals: [positional('server', '<server>')],
  }),
  command('registry logout', { positionals: [positional('registry', '<registry>')] }),
  command('registry list', { aliases: ['ls'], options: [format(), quiet] }),
];
