import { type ProbeResult, SandboxError } from '@sandbox/core';
import type { Host } from './host.ts';
import type { Jailer } from './jailer.ts';
import { tryJail } from './trial.ts';

/** Finds the program and has it make one small jail. */
export async function probe(jailer: Jailer, look: () => Host, signal: AbortSignal): Promise<ProbeResult> {
  let host: Host;
  try {
    host = look();
  } catch (error) {
    const { message, hint } = SandboxError.withContext(error, {});
    const { capabilities } = jailer;
    return { status: 'undetected', message, remedy: hint ?? jailer.remedyFor(message), capabilities };
  }
  const found = { endpoint: host.program, capabilities: jailer.capabilitiesOn(host) };
  try {
    await tryJail(jailer, host, signal);
  } catch (error) {
    signal.throwIfAborted();
    const { message } = SandboxError.withContext(error, {});
    return { status: 'unhealthy', message, remedy: jailer.remedyFor(message), ...found };
  }
  return { status: 'healthy', ...found, ...describe(jailer.runtime, host) };
}

function describe(runtime: string, { program, isRoot, caller, cgroups, cgroupRemedy, architecture }: Host) {
  const { uid, gid } = caller;
  const who = isRoot ? 'as root' : `as user ${uid}`;
  const counted = cgroups ? `cgroup v${cgroups.version}` : 'without cgroups';
  const idMapping = isRoot
    ? ({ type: 'identity' } as const)
    : ({ type: 'caller', hostUid: uid, hostGid: gid, guestUid: uid, guestGid: gid } as const);
  const warning = `${runtime} cannot limit memory and processors here; to change that: ${cgroupRemedy}`;
  return {
    message: `${runtime} at ${program}, ${who}, ${counted}`,
    ...{ architecture, idMapping, sharesHostFiles: true, rootless: !isRoot },
    warnings: cgroupRemedy === null ? [] : [warning],
  };
}
