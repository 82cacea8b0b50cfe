import { cpus } from 'node:os';
import type { Configuration } from './configuration.ts';
import { LABEL_CONFIGURATION, LABEL_DOUBLE, NAME_PREFIX } from './engine.ts';
import type { Mount } from './mounts.ts';

/** What a guest has without any option, since 0.12. */
const defaultCapabilities =
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'
    .split(' ')
    .map((name) => `CAP_${name}`);

/** Docker's request for a container that is confined as the virtual machine's would be, and no better. */
export function engineBody(configuration: Configuration): object {
  const { id, process, memoryInBytes } = configuration;
  return {
    Image: configuration.image.reference,
    Hostname: id.split('.')[0]?.slice(0, 63),
    Entrypoint: [],
    Cmd: [process.executable, ...process.arguments],
    Env: process.environment,
    User: process.user,
    WorkingDir: process.workingDirectory,
    Labels: { [LABEL_DOUBLE]: '1', [LABEL_CONFIGURATION]: JSON.stringify(configuration) },
    Tty: false,
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      AutoRemove: configuration.autoRemove,
      NanoCpus: Math.min(configuration.cpus, cpus().length) * 1e9,
      Memory: memoryInBytes,
      MemorySwap: memoryInBytes,
      ...capabilitiesOf(configuration),
      // There is no filter in the guest.
      SecurityOpt: ['seccomp=unconfined'],
      ReadonlyRootfs: configuration.readOnly,
      NetworkMode: networkOf(configuration.networks),
      Ulimits: process.rlimits.map(({ limit, soft, hard }) => ({
        Name: limit.slice('RLIMIT_'.length).toLowerCase(),
        Soft: Number.isFinite(soft) ? soft : -1,
        Hard: Number.isFinite(hard) ? hard : -1,
      })),
      Mounts: configuration.mounts.flatMap(mountOf),
      ShmSize: configuration.shmSize ?? 64 * 2 ** 20,
      Init: configuration.useInit,
      LogConfig: { Type: 'none', Config: {} },
      IpcMode: 'private',
      CgroupnsMode: 'private',
    },
  };
}

function capabilitiesOf({ capAdd, capDrop }: Configuration): object {
  const base = capDrop.includes('ALL') ? [] : defaultCapabilities;
  const dropped = capDrop.filter((name) => name !== 'ALL');
  const kept = [...new Set([...base, ...capAdd])].filter((name) => !dropped.includes(name));
  return { CapDrop: ['ALL'], CapAdd: kept.map((name) => name.replace(/^CAP_/, '')) };
}

function networkOf([network]: readonly string[]): string {
  return network === undefined ? 'none' : `${NAME_PREFIX}${network}`;
}

/** Docker has no `nosuid` and `nodev` for these, and leaves what is mounted below a read-only one writable; a shared directory is read-only with all that is in it. */
function mountOf({ type, source, destination, options }: Mount): object[] {
  const common = { Target: destination, ReadOnly: options.includes('ro') };
  if (type === 'virtiofs')
    return [
      {
        Type: 'bind',
        Source: source,
        ...common,
        BindOptions: { Propagation: 'rprivate', NonRecursive: common.ReadOnly },
      },
    ];
  if (type === 'volume')
    return [
      { Type: 'volume', Source: `${NAME_PREFIX}${source}`, ...common, VolumeOptions: { NoCopy: true } },
    ];
  // A disk in memory of Docker's own: as a tmpfs of the container it would take its mode from what lies below. Without `nosuid`, `nodev` and `noexec`, as in the guest.
  const driver = { Name: 'local', Options: { type: 'tmpfs', device: 'tmpfs', o: options.join(',') } };
  return [
    {
      Type: 'volume',
      ...common,
      VolumeOptions: { NoCopy: true, Labels: { [LABEL_DOUBLE]: '1' }, DriverConfig: driver },
    },
  ];
}
