import { randomBytes } from 'node:crypto';
import { lookupProcess } from '@sandbox/core';

/** A name for something that is not to outlive this program: `draft-<pid>-<start time>-<random>`. */
export function temporaryName(what: string): string {
  return `${what}-${process.pid}-${lookupProcess(process.pid)}-${randomBytes(6).toString('hex')}`;
}

/** Whether a name is one of those, of a program that is gone. */
export function isAbandoned(name: string): boolean {
  const [, pid, startTime] = /^[a-z]+-(\d+)-(\d*)-[0-9a-f]{12}$/.exec(name) ?? [];
  return pid !== undefined && lookupProcess(Number(pid)) !== startTime;
}
