import type { Container } from './container.ts';
import { isAtLeast } from './release.ts';

/** A container as `list` and `inspect` of a release print it. */
export function containerResource(container: Container, release: string): object {
  const { configuration, state, startedDate, address } = container;
  const networks =
    state === 'running' ? configuration.networks.map((name) => attachment(name, container)) : [];
  if (isAtLeast(release, '1.0.0')) {
    return {
      id: configuration.id,
      configuration: configurationJson(container),
      status: { state, networks, startedDate },
    };
  }
  // Seconds since 2001, and no id at the top.
  const seconds = startedDate === undefined ? undefined : Date.parse(startedDate) / 1000 - 978_307_200;
  return {
    status: state,
    configuration: configurationJson(container),
    networks,
    startedDate: seconds,
    address,
  };
}

function configurationJson({ configuration }: Container): object {
  const { process, mounts, image, id } = configuration;
  const [uid, gid] = process.user.split(':');
  return {
    id,
    image: {
      reference: image.reference,
      descriptor: {
        digest: image.digest,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        size: 1024,
      },
    },
    initProcess: {
      executable: process.executable,
      arguments: process.arguments,
      environment: process.environment,
      workingDirectory: process.workingDirectory,
      terminal: process.terminal,
      user:
        process.user === '0:0'
          ? { id: { uid: Number(uid), gid: Number(gid) } }
          : { raw: { userString: process.user } },
      supplementalGroups: [],
      rlimits: process.rlimits.map(({ limit, soft, hard }) => ({
        limit,
        soft: whole(soft),
        hard: whole(hard),
      })),
    },
    mounts: mounts.map(({ type, source, destination, options }) => ({
      type: type === 'volume' ? { volume: volumeType(source) } : { [type]: {} },
      source: type === 'volume' ? `/var/lib/fake-container/volumes/${source}/volume.img` : source,
      destination,
      options,
    })),
    networks: configuration.networks.map((network) => ({ network, options: { hostname: id, mtu: 1280 } })),
    labels: configuration.labels,
    capAdd: configuration.capAdd,
    capDrop: configuration.capDrop,
    resources: { cpus: configuration.cpus, cpuOverhead: 1, memoryInBytes: configuration.memoryInBytes },
    readOnly: configuration.readOnly,
    useInit: configuration.useInit,
    creationDate: configuration.creationDate,
    dns: { nameservers: [], searchDomains: [], options: [] },
    platform: { architecture: globalThis.process.arch === 'x64' ? 'amd64' : 'arm64', os: 'linux' },
    publishedPorts: [],
    publishedSockets: [],
    rosetta: false,
    runtimeHandler: 'container-runtime-linux',
    ssh: false,
    sysctls: {},
    virtualization: false,
  };
}

function volumeType(name: string): object {
  return { name, format: 'ext4', cache: { on: {} }, sync: { fsync: {} } };
}

/** The greatest of its type stands for no limit. */
function whole(value: number): number {
  return Number.isFinite(value) ? value : 2 ** 64 - 1;
}

function attachment(network: string, { configuration, address }: Container): object {
  const ip = address ?? '192.168.64.2';
  return {
    network,
    hostname: configuration.id,
    ipv4Address: `${ip}/24`,
    ipv4Gateway: ip.replace(/\d+$/, '1'),
    mtu: 1280,
  };
}
