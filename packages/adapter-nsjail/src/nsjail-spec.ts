import { writeFileSync } from 'node:fs';
import type { SandboxSpec } from '@sandbox/core';
import { type IdMapEntry, type JailCommand, type JailRequest, unsupported } from '@sandbox/daemonless';
import { nsjailReport } from './nsjail-log.ts';
import { nsjailMounts } from './nsjail-mounts.ts';
import { seccompPolicy } from './nsjail-seccomp.ts';

const MIB = 2 ** 20;

export function checkNsjailSpec({ limits }: Pick<SandboxSpec, 'limits'>): void {
  if ((limits.fileSizeBytes ?? 0) % MIB !== 0)
    throw unsupported('file-size', 'only whole MiB can be enforced');
}

/** How nsjail is told to make one jail: by a configuration file. */
export function nsjailCommand(request: JailRequest): JailCommand {
  const { program, scratch } = request;
  writeFileSync(scratch, JSON.stringify(nsjailConfig(request)), { mode: 0o600, flag: 'wx' });
  return {
    argv: [program, '-L', '3', '--config', scratch],
    report: nsjailReport,
    // nsjail checks for the end of its child and then waits: what happens in between it learns a second later. SIGALRM has it look again.
    nudge: {
      signal: 'SIGALRM',
      afterStartMs: [10, 40, 120, 400],
      afterStdinMs: [3, 10, 30, 100, 300],
    },
  };
}

/**
 * The words of nsjail's configuration file (JSON of its config.proto) for one jail. A file and not a command line, which takes paths apart at colons.
 * Every limit is set: nsjail's own defaults are 32 open files and files of 1 MiB. Pure.
 */
export function nsjailConfig(request: Omit<JailRequest, 'program' | 'scratch'>): Record<string, unknown> {
  const { argv, env, user, security, architecture } = request;
  // Kept capabilities would be in force for any user; only root in the guest is to have them.
  const capabilities = user.uid === 0 ? (security.capabilities ?? []) : [];
  const [program = '', ...words] = argv;
  return {
    mode: 'ONCE',
    hostname: 'jail',
    cwd: request.workdir,
    // Who speaks to the program keeps its time.
    timeLimit: 0,
    logFd: 3,
    logLevel: 'INFO',
    keepEnv: false,
    envar: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    keepCaps: false,
    cap: capabilities.map((name) => `CAP_${name}`),
    niceLevel: 0,
    ...rlimits(request),
    uidmap: request.uids.map(mapEntry),
    gidmap: request.gids.map(mapEntry),
    mountProc: true,
    mount: request.mounts.flatMap(nsjailMounts),
    seccompString: [seccompPolicy(architecture, capabilities.includes('SYS_CHROOT'))],
    execBin: program.includes('/')
      ? { path: program, arg0: program, arg: words }
      : { path: '/usr/bin/env', arg0: 'env', arg: ['--', ...argv] },
  };
}

function mapEntry({ inside, outside, count }: IdMapEntry): Record<string, unknown> {
  return { insideId: String(inside), outsideId: String(outside), count };
}

function rlimits({
  limits,
  hardLimits,
  countsPids,
}: Pick<JailRequest, 'limits' | 'hardLimits' | 'countsPids'>): Record<string, unknown> {
  const { openFiles, fileSizeBytes, pids } = limits;
  const value = (name: string, number: number | null) =>
    number === null || !Number.isFinite(number)
      ? { [`rlimit${name}Type`]: 'HARD' }
      : { [`rlimit${name}`]: String(number), [`rlimit${name}Type`]: 'VALUE' };
  return {
    ...value('Nofile', openFiles === null ? null : Math.min(openFiles, hardLimits.openFiles)),
    ...value(
      'Fsize',
      fileSizeBytes === null ? null : Math.min(fileSizeBytes, hardLimits.fileSizeBytes) / MIB,
    ),
    ...value('Nproc', countsPids ? null : pids),
    ...value('Core', 0),
    ...value('As', null),
    ...value('Cpu', null),
    ...value('Stack', null),
    ...value('Memlock', null),
  };
}
