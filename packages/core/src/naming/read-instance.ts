import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { hostname, platform } from 'node:os';
import type { Instance } from './instance.ts';

/** This program. Reads a few small files; where there is no `/proc` (macOS), the parts that only it can tell are empty. */
export function readInstance(): Instance {
  return {
    machineId: readMachineId(),
    bootId: readBootId(),
    pidNamespace: readPidNamespace(),
    pid: process.pid,
    startTime: lookupProcess(process.pid) ?? '',
  };
}

/** Empty where the system has none. */
export function readBootId(): string {
  return safe(read('/proc/sys/kernel/random/boot_id'));
}

/** The start time of a process, empty when it cannot be read, null when there is no such process. */
export function lookupProcess(pid: number): string | null {
  try {
    // Asked first: under `hidepid` a living process of another user has no entry in /proc.
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return null;
  }
  return parseStartTime(read(`/proc/${pid}/stat`));
}

/** From the text of `/proc/<pid>/stat`. A zombie does nothing any more and counts as gone. */
export function parseStartTime(stat: string): string | null {
  // The second field is the program's name in parentheses, and may itself contain both.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return null;
  return /^\d+$/.test(fields[19] ?? '') ? (fields[19] ?? '') : '';
}

function readMachineId(): string {
  const id = safe(read('/etc/machine-id') || read('/var/lib/dbus/machine-id'));
  return id !== '' || platform() !== 'darwin' ? id : appleMachineId();
}

/** macOS has no file with an id: the moment of its first set-up together with its name is as good as one. */
function appleMachineId(): string {
  try {
    const born = statSync('/var/db/.AppleSetupDone', { bigint: true }).birthtimeNs;
    return createHash('sha256').update(`${born} ${hostname()}`).digest('hex').slice(0, 32);
  } catch {
    return '';
  }
}

function readPidNamespace(): string {
  if (platform() === 'darwin') return 'host';
  try {
    return safe(/\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '');
  } catch {
    return '';
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Nothing that a label or its separator could trip over. */
function safe(text: string): string {
  return text.replace(/[^A-Za-z0-9_-]/g, '');
}
