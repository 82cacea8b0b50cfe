/** What an engine says of itself and its host, once for each process. */
export interface EngineFacts {
  readonly version: string;
  /** `[1, 41]`. */
  readonly apiVersion: readonly [number, number];
  /** Of the guests; undefined for one that we have no agent for. */
  readonly architecture: 'amd64' | 'arm64' | undefined;
  readonly osType: string;
  readonly operatingSystem: string;
  readonly hostName: string;
  readonly rootDir: string;
  readonly cgroupVersion: '1' | '2';
  readonly cgroupDriver: string;
  readonly memoryLimit: boolean;
  readonly swapLimit: boolean;
  readonly cpuQuota: boolean;
  readonly pidsLimit: boolean;
  readonly seccomp: boolean;
  readonly rootless: boolean;
  readonly usernsRemap: boolean;
  readonly storageDriver: string;
  readonly backingFilesystem: string | undefined;
  /** Processors of the engine's host; null where it does not say. */
  readonly processors: number | null;
  /** `[6, 1]`. */
  readonly kernel: readonly [number, number];
  readonly ociRuntimes: readonly string[];
  readonly defaultOciRuntime: string;
  readonly warnings: readonly string[];
}
