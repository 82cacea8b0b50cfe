/** The part of the engine's `POST /containers/create` that we use, whole: @types/dockerode lacks some of it. */
export interface ContainerBody {
  Image: string;
  Entrypoint: readonly string[];
  Cmd: readonly string[];
  Env?: readonly string[];
  User?: string;
  WorkingDir?: string;
  Labels: Readonly<Record<string, string>>;
  Tty?: boolean;
  OpenStdin?: boolean;
  StdinOnce?: boolean;
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  StopSignal?: string;
  Healthcheck?: { Test: readonly string[] };
  HostConfig: HostConfigBody;
}

export interface HostConfigBody {
  AutoRemove?: boolean;
  Privileged?: boolean;
  Mounts?: readonly MountBody[];
  Tmpfs?: Readonly<Record<string, string>>;
  Memory?: number;
  MemorySwap?: number;
  NanoCpus?: number;
  PidsLimit?: number;
  Ulimits?: readonly UlimitBody[];
  OomKillDisable?: boolean;
  StorageOpt?: Readonly<Record<string, string>>;
  CapDrop?: readonly string[];
  CapAdd?: readonly string[];
  SecurityOpt?: readonly string[];
  ReadonlyRootfs?: boolean;
  NetworkMode?: string;
  LogConfig?: { Type: string; Config: Readonly<Record<string, string>> };
  RestartPolicy?: { Name: string };
  Init?: boolean;
  IpcMode?: string;
  CgroupnsMode?: string;
  PidMode?: string;
  UTSMode?: string;
  UsernsMode?: string;
  Runtime?: string;
}

export interface UlimitBody {
  Name: string;
  Soft: number;
  Hard: number;
}

export interface MountBody {
  Type: 'bind' | 'volume';
  Source: string;
  Target: string;
  ReadOnly: boolean;
  BindOptions?: { Propagation: string; NonRecursive?: boolean; ReadOnlyForceRecursive?: boolean };
  VolumeOptions?: { NoCopy: boolean; Labels: Readonly<Record<string, string>> };
}
