import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Names one process for good: a pid alone is given to another one day. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly startTime: string;
  readonly bootId: string;
}

export type StartedRecord =
  | { readonly kind: 'process'; readonly process: ProcessIdentity }
  | { readonly kind: 'systemd'; readonly units: readonly string[]; readonly bootId: string };

export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold anything; the fields after it are plain.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTime] = [fields[0], fields[19]];
    if (startTime === undefined || state === 'Z' || state === 'X') return undefined;
    return { pid, startTime, bootId: bootId() };
  } catch {
    return undefined;
  }
}

export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

export function isAlive(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid);
  return now !== undefined && now.startTime === identity.startTime && now.bootId === identity.bootId;
}

/** The name of the program that runs under this pid, as the kernel has it: at most 15 characters. */
export function programOf(pid: number): string | undefined {
  try {
    return identify(pid) && readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** TERM, then KILL after the grace; returns when it is gone. */
export async function endProcess(identity: ProcessIdentity, graceMs: number): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', 10_000],
  ] as const) {
    if (!isAlive(identity)) return;
    process.kill(identity.pid, signal);
    if (await waitUntil(() => !isAlive(identity), waitMs)) return;
  }
  throw new Error(`process ${identity.pid} does not end`);
}

export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) return false;
    await sleep(50);
  }
  return true;
}

/** What was started and still runs, as this file has it; the record of something that is gone is dropped. */
export function readRecord(file: string): StartedRecord | undefined {
  let record: StartedRecord;
  try {
    record = JSON.parse(readFileSync(file, 'utf8')) as StartedRecord;
  } catch {
    return undefined;
  }
  const current = record.kind === 'process' ? isAlive(record.process) : record.bootId === bootId();
  if (current) return record;
  dropRecord(file);
  return undefined;
}

export function writeRecord(file: string, record: StartedRecord): void {
  writeFileSync(file, `${JSON.stringify(record)}\n`);
}

export function dropRecord(file: string): void {
  rmSync(file, { force: true });
}
