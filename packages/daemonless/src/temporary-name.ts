import { randomBytes } from 'node:crypto';
import {
  formatInstance,
  type InstanceVerdict,
  judgeInstance,
  lookupProcess,
  readInstance,
} from '@sandbox/core';

let self: ReturnType<typeof readInstance> | undefined;

/** This program, as others can tell it from theirs. */
export function ownInstance(): string {
  self ??= readInstance();
  return formatInstance(self);
}

export function judgeOwner(instance: string): InstanceVerdict {
  self ??= readInstance();
  return judgeInstance(instance, self, lookupProcess);
}

/** A name for something that is not to outlive this program: `draft.<instance, with dots>.<random>`. */
export function temporaryName(what: string): string {
  return `${what}.${ownInstance().replaceAll(':', '.')}.${randomBytes(6).toString('hex')}`;
}

/** Whether a name is one of those, of a program that is proved to be gone. */
export function isAbandoned(name: string): boolean {
  const [, instance] = /^[a-z]+\.(v1\..*)\.[0-9a-f]{12}$/.exec(name) ?? [];
  if (instance !== undefined) return judgeOwner(instance.replaceAll('.', ':')) === 'dead';
  // An earlier version's: draft-<pid>-<start time>-<random>.
  const [, pid, startTime] = /^[a-z]+-(\d+)-(\d*)-[0-9a-f]{12}$/.exec(name) ?? [];
  return pid !== undefined && lookupProcess(Number(pid)) !== startTime;
}
