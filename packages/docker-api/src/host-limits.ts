import { readFile } from 'node:fs/promises';
import type { HostLimits } from './container-spec.ts';

const CAP_SYS_RESOURCE = 24n;
const UNKNOWN: HostLimits = { openFiles: null, processes: null };

/**
 * The hard limits that an engine on this machine cannot raise, because it lacks CAP_SYS_RESOURCE (a nested or hardened host): asking for more makes every start
 * fail. Without a process of the engine that can be looked at, nothing is known and nothing is clamped.
 */
export async function readHostLimits(pidFiles: readonly string[]): Promise<HostLimits> {
  for (const pidFile of pidFiles) {
    try {
      const pid = Number.parseInt(await readFile(pidFile, 'utf8'), 10);
      if (!Number.isSafeInteger(pid) || pid <= 0) continue;
      const [status, limits] = await Promise.all([
        readFile(`/proc/${pid}/status`, 'utf8'),
        readFile(`/proc/${pid}/limits`, 'utf8'),
      ]);
      return parseHostLimits(status, limits);
    } catch {
      // Not here, or not ours to read: the next one.
    }
  }
  return UNKNOWN;
}

/** From `/proc/PID/status` and `/proc/PID/limits`. */
export function parseHostLimits(status: string, limits: string): HostLimits {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (effective === undefined) return UNKNOWN;
  const canRaise = ((BigInt(`0x${effective}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;
  if (canRaise) return UNKNOWN;
  return { openFiles: hard(limits, 'Max open files'), processes: hard(limits, 'Max processes') };
}

function hard(limits: string, name: string): number | null {
  const value = new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, 'm').exec(limits)?.[1];
  return value === undefined || value === 'unlimited' ? null : Number(value);
}
