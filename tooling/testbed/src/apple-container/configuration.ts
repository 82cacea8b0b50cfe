import { readFileSync } from 'node:fs';
import { failure } from './failure.ts';
import { directiveMount, type Mount, tmpfsMount, volumeMount } from './mounts.ts';
import type { Values } from './parse-arguments.ts';
import { wholeMebibytes } from './sizes.ts';
import type { Surroundings } from './surroundings.ts';

/** What an image says of its containers. */
export interface ImageConfiguration {
  readonly reference: string;
  readonly digest: string;
  readonly env: readonly string[];
  readonly workingDir?: string | undefined;
  readonly entrypoint?: readonly string[] | undefined;
  readonly command?: readonly string[] | undefined;
  readonly user?: string | undefined;
}

export interface Rlimit {
  readonly limit: string;
  readonly soft: number;
  readonly hard: number;
}

/** The part of the real `ContainerConfiguration` that the double keeps; `mounts` in a form of its own. */
export interface Configuration {
  readonly id: string;
  readonly image: { readonly reference: string; readonly digest: string };
  readonly autoRemove: boolean;
  readonly process: {
    readonly executable: string;
    readonly arguments: readonly string[];
    readonly environment: readonly string[];
    readonly workingDirectory: string;
    readonly terminal: boolean;
    readonly user: string;
    readonly rlimits: readonly Rlimit[];
  };
  readonly cpus: number;
  readonly memoryInBytes: number;
  readonly mounts: readonly Mount[];
  readonly networks: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly readOnly: boolean;
  readonly useInit: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly shmSize?: number;
  readonly creationDate: string;
}

const minimumMemory = 200 * 2 ** 20;
const ids = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

const text = (values: Values, property: string) => values[property] as string | undefined;
const texts = (values: Values, property: string) => (values[property] as string[] | undefined) ?? [];
const isSet = (values: Values, property: string) => values[property] === true;

export function checkId(id: string): string {
  if (ids.test(id) && id.length <= 63) return id;
  throw failure(`container ID ${id} is not a valid container ID`);
}

/** What `run` and `create` make of their options, checked in the order of the real ones. */
export function configurationOf(
  values: Values,
  image: ImageConfiguration,
  { environment, directory }: Pick<Surroundings, 'environment' | 'directory'>,
): Configuration {
  const id = checkId(text(values, 'managementFlags.name') ?? crypto.randomUUID().toLowerCase());
  const process = processOf(values, image, environment);
  const memory = text(values, 'resourceFlags.memory');
  const memoryInBytes = memory === undefined ? 2 ** 30 : wholeMebibytes(memory);
  const shm = text(values, 'managementFlags.shmSize');
  const configuration: Configuration = {
    id,
    image: { reference: image.reference, digest: image.digest },
    autoRemove: isSet(values, 'managementFlags.remove'),
    process,
    cpus: (values['resourceFlags.cpus'] as number | undefined) ?? 4,
    memoryInBytes,
    mounts: [
      ...texts(values, 'managementFlags.tmpFs').map(tmpfsMount),
      ...texts(values, 'managementFlags.volumes').map((text) => volumeMount(text, directory)),
      ...texts(values, 'managementFlags.mounts').map((text) => directiveMount(text, directory)),
    ],
    ...(shm === undefined ? {} : { shmSize: wholeMebibytes(shm) }),
    networks: networksOf(texts(values, 'managementFlags.networks')),
    labels: labelsOf(texts(values, 'managementFlags.labels')),
    readOnly: isSet(values, 'managementFlags.readOnly'),
    useInit: isSet(values, 'managementFlags.useInit'),
    ...checkedAfterLabels(values),
    creationDate: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
  };
  if (memoryInBytes < minimumMemory)
    throw failure(`minimum memory amount allowed is 200 MiB (got ${memoryInBytes} bytes)`);
  return configuration;
}

function processOf(
  values: Values,
  image: ImageConfiguration,
  own: NodeJS.ProcessEnv,
): Configuration['process'] {
  const environment = environmentOf(
    image.env.filter((entry) => entry.includes('=')),
    texts(values, 'processFlags.envFile'),
    texts(values, 'processFlags.env'),
    own,
  );
  const entrypoint = text(values, 'managementFlags.entrypoint');
  const given = texts(values, 'arguments');
  const program = entrypoint ? [entrypoint] : (image.entrypoint ?? []);
  const [executable, ...rest] = [
    ...program,
    ...(given.length > 0 || entrypoint ? given : (image.command ?? [])),
  ];
  if (executable === undefined) throw failure('command/entrypoint not specified for container process');
  return {
    executable,
    arguments: rest,
    environment,
    workingDirectory: text(values, 'processFlags.cwd') ?? (image.workingDir || '/'),
    terminal: isSet(values, 'processFlags.tty'),
    user: userOf(values) ?? (image.user || '0:0'),
    rlimits: rlimitsOf(texts(values, 'processFlags.ulimits')),
  };
}

export function userOf(values: Values): string | undefined {
  const user = text(values, 'processFlags.user');
  if (user) return user;
  const [uid, gid] = [values['processFlags.uid'], values['processFlags.gid']];
  if (uid === undefined) return undefined;
  return gid === undefined ? String(uid) : `${uid}:${gid}`;
}

/** Later entries win; the order is that of a hash table, and another one each time. */
export function environmentOf(
  first: readonly string[],
  files: readonly string[],
  given: readonly string[],
  own: NodeJS.ProcessEnv,
): string[] {
  const named = [...files.flatMap(envFile), ...given];
  const entries = [...first, ...named.flatMap((entry) => inherited(entry, own))];
  const byKey = new Map(entries.map((entry) => [entry.split('=')[0] ?? '', entry]));
  return [...byKey.values()]
    .map((entry) => ({ entry, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ entry }) => entry);
}

function inherited(entry: string, own: NodeJS.ProcessEnv): string[] {
  if (entry.includes('=')) return [entry];
  const value = own[entry];
  return value === undefined ? [] : [`${entry}=${value}`];
}

function envFile(path: string): string[] {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch {
    throw failure(`failed to read envfile at ${path}`);
  }
  const lines = content.split('\n').map((line) => line.trimStart());
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

const rlimitNames =
  'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(
    ' ',
  );

function rlimitsOf(ulimits: readonly string[]): Rlimit[] {
  const seen = new Set<string>();
  return ulimits.map((ulimit) => {
    const cut = ulimit.indexOf('=');
    const [type, range] = [ulimit.slice(0, cut).toLowerCase(), ulimit.slice(cut + 1)];
    if (cut <= 0 || range === '')
      throw failure(`invalid ulimit format '${ulimit}': expected <type>=<soft>[:<hard>]`);
    if (!rlimitNames.includes(type))
      throw failure(`unsupported ulimit type '${type}': valid types are ${rlimitNames.join(', ')}`);
    const [soft = 0, hard = soft] = range.split(':').map((word) => rlimitValue(word, type));
    if (soft > hard)
      throw failure(`ulimit '${type}' soft limit (${soft}) cannot exceed hard limit (${hard})`);
    if (seen.has(type)) throw failure(`duplicate ulimit type: ${type}`);
    seen.add(type);
    return { limit: `RLIMIT_${type.toUpperCase()}`, soft, hard };
  });
}

function rlimitValue(word: string, type: string): number {
  const trimmed = word.trim().toLowerCase();
  if (trimmed === 'unlimited' || trimmed === '-1') return Number.POSITIVE_INFINITY;
  if (/^\d+$/.test(trimmed)) return Number(trimmed);
  throw failure(
    `invalid ulimit value '${word}' for '${type}': must be a non-negative integer or 'unlimited'`,
  );
}

function networksOf(specs: readonly string[]): string[] {
  const networks = specs.map((spec) => {
    const [name = '', ...properties] = spec.split(',');
    if (name === '') throw failure('network specification cannot be empty');
    for (const property of properties) {
      const [key = '', value] = property.split('=');
      if (value === undefined)
        throw failure(`invalid property format '${property}' in network specification '${spec}'`);
      if (key !== 'mac' && key !== 'mtu')
        throw failure(`unknown network property '${key}'. Available properties: mac, mtu`);
      if (key === 'mtu' && !(Number(value) >= 1280 && Number(value) <= 65535))
        throw failure(`invalid mtu value '${value}': must be between 1280 and 65535`);
    }
    return name;
  });
  if (!networks.includes('none')) return networks.length === 0 ? ['default'] : networks;
  if (networks.length > 1) throw failure('no other networks may be created along with network none');
  return [];
}

/** At most one equal sign: `a=b=c` is refused. */
export function labelsOf(labels: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    labels.map((label) => {
      if (label === '') throw failure('label cannot be an empty string');
      const parts = label.split('=').filter((part) => part !== '');
      if (parts.length === 0 || parts.length > 2) throw failure(`invalid label format ${label}`);
      return [parts[0], parts[1] ?? ''];
    }),
  );
}

function checkedAfterLabels(values: Values): Pick<Configuration, 'capAdd' | 'capDrop'> {
  for (const spec of texts(values, 'managementFlags.publishPorts')) checkPort(spec);
  for (const spec of texts(values, 'managementFlags.publishSockets')) {
    if (spec.split(':').filter(Boolean).length !== 2)
      throw failure(`invalid publish-socket format ${spec}. Expected: host_path:container_path`);
  }
  const capabilities = (property: string) =>
    texts(values, property).map((name) => {
      const upper = name.toUpperCase();
      if (!/^[A-Z_]+$/.test(upper)) throw failure(`invalid capability: ${name}`);
      return upper === 'ALL' || upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
    });
  const sets = {
    capAdd: capabilities('managementFlags.capAdd'),
    capDrop: capabilities('managementFlags.capDrop'),
  };
  for (const [property, flag] of [
    ['maskedPaths', 'masked-path'],
    ['readonlyPaths', 'read-only-path'],
  ]) {
    for (const path of texts(values, `managementFlags.${property}`))
      if (path !== 'NONE' && !path.startsWith('/'))
        throw failure(`--${flag} must be an absolute path or NONE: ${path}`);
  }
  return sets;
}

function checkPort(spec: string): void {
  const match = /^(?:(?:\[[^\]]*\]|[^:]+):)?([^:]+):([^:/]*)(?:\/(.*))?$/.exec(spec);
  if (match === null) throw failure(`invalid publish value: ${spec}`);
  const [, host = '', , protocol = 'tcp'] = match;
  if (!['tcp', 'udp'].includes(protocol.toLowerCase()))
    throw failure(`invalid publish protocol: ${protocol}`);
  const first = Number(host.split('-')[0]);
  if (!Number.isInteger(first)) throw failure(`invalid publish host port: ${host}`);
  if (first <= 1) throw failure(`invalid publish host port range: ${host}`);
}
