import type { EngineClient } from './client.ts';
import type { EngineFacts } from './engine-facts.ts';

export interface VersionAnswer {
  Version?: string;
  ApiVersion?: string;
  Arch?: string;
}

export interface InfoAnswer {
  OSType?: string;
  OperatingSystem?: string;
  Name?: string;
  DockerRootDir?: string;
  CgroupVersion?: string;
  CgroupDriver?: string;
  MemoryLimit?: boolean;
  SwapLimit?: boolean;
  CpuCfsQuota?: boolean;
  PidsLimit?: boolean;
  SecurityOptions?: string[] | null;
  NCPU?: number;
  KernelVersion?: string;
  Driver?: string;
  DriverStatus?: [string, string][] | null;
  Runtimes?: Record<string, unknown> | null;
  DefaultRuntime?: string;
  Warnings?: string[] | null;
}

export async function readFacts(
  client: EngineClient,
  request: { operation: string; signal?: AbortSignal | undefined; timeoutMs?: number | undefined },
): Promise<EngineFacts> {
  const [version, info] = await Promise.all([
    client.json<VersionAnswer>({ ...request, method: 'GET', path: '/version' }),
    client.json<InfoAnswer>({ ...request, method: 'GET', path: '/info' }),
  ]);
  return engineFacts(version, info);
}

export function engineFacts(version: VersionAnswer, info: InfoAnswer): EngineFacts {
  const security = info.SecurityOptions ?? [];
  const has = (name: string) => security.some((option) => option.split(',')[0] === `name=${name}`);
  return {
    version: version.Version ?? 'unknown',
    apiVersion: firstNumbers(version.ApiVersion),
    architecture: architectureOf(version.Arch),
    osType: info.OSType ?? 'linux',
    operatingSystem: info.OperatingSystem ?? '',
    hostName: info.Name ?? '',
    rootDir: info.DockerRootDir ?? '',
    cgroupVersion: info.CgroupVersion === '2' ? '2' : '1',
    cgroupDriver: info.CgroupDriver ?? '',
    memoryLimit: info.MemoryLimit ?? true,
    swapLimit: info.SwapLimit ?? true,
    cpuQuota: info.CpuCfsQuota ?? true,
    pidsLimit: info.PidsLimit ?? true,
    seccomp: has('seccomp') && !security.some((option) => /^name=seccomp,profile=unconfined/.test(option)),
    rootless: has('rootless'),
    usernsRemap: has('userns'),
    storageDriver: info.Driver ?? '',
    backingFilesystem: info.DriverStatus?.find(([key]) => key === 'Backing Filesystem')?.[1],
    processors: info.NCPU ?? null,
    kernel: firstNumbers(info.KernelVersion),
    ociRuntimes: Object.keys(info.Runtimes ?? {}),
    defaultOciRuntime: info.DefaultRuntime ?? '',
    warnings: info.Warnings ?? [],
  };
}

/** Whether `--storage-opt size=` does something; on overlay only XFS with project quotas has it, which the engine checks when it is asked. */
export function hasDiskQuota({ storageDriver, backingFilesystem }: EngineFacts): boolean {
  if (storageDriver === 'overlay2' || storageDriver === 'overlay') return backingFilesystem === 'xfs';
  return ['btrfs', 'zfs', 'devicemapper'].includes(storageDriver);
}

/** Whether a mount can be made read-only with everything that is mounted below it. */
export function hasRecursiveReadOnly(facts: EngineFacts): boolean {
  const [major, minor] = facts.kernel;
  return atLeast(facts, 1, 44) && (major > 5 || (major === 5 && minor >= 12));
}

export function atLeast({ apiVersion }: EngineFacts, major: number, minor: number): boolean {
  return apiVersion[0] > major || (apiVersion[0] === major && apiVersion[1] >= minor);
}

/** The first two numbers of a version. */
export function firstNumbers(version = ''): [number, number] {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return [Number(major ?? 0), Number(minor ?? 0)];
}

/** Undefined for one that we have no agent for. */
export function architectureOf(name: string | undefined): 'amd64' | 'arm64' | undefined {
  if (name === 'amd64' || name === 'x86_64') return 'amd64';
  if (name === 'arm64' || name === 'aarch64') return 'arm64';
  return undefined;
}
