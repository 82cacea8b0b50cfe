import type { FileStat, FileType, TarSummary } from './files.ts';
import { GuestError } from './guest-error.ts';
import { type Message, numberOf, stringOf, textOf } from './message.ts';
import { printable } from './printable.ts';

const TYPES: ReadonlySet<string> = new Set<FileType>([
  'file',
  'directory',
  'symlink',
  'fifo',
  'socket',
  'device',
]);

export function parseStat(message: Message): FileStat {
  const type = stringOf(message, 'type');
  if (!TYPES.has(type))
    throw new GuestError('UNKNOWN', `the agent names a type of file "${printable(type, 30)}"`);
  const stat: FileStat = {
    name: textOf(message, 'name'),
    path: textOf(message, 'path'),
    type: type as FileType,
    size: numberOf(message, 'size'),
    mode: numberOf(message, 'mode'),
    uid: numberOf(message, 'uid'),
    gid: numberOf(message, 'gid'),
    mtimeMs: numberOf(message, 'mtimeMs'),
    dev: numberOf(message, 'dev'),
    ino: numberOf(message, 'ino'),
    nlink: numberOf(message, 'nlink'),
  };
  const target = message.target;
  return target === undefined || target === null ? stat : { ...stat, target: textOf(message, 'target') };
}

export function parseSummary(message: Message): TarSummary {
  return { entries: numberOf(message, 'entries'), bytes: numberOf(message, 'bytes') };
}
