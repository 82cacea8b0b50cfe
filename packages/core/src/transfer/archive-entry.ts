import type { ReadEntry } from 'tar';
import { SandboxError } from '../errors/sandbox-error.ts';

/** An entry of an archive that is safe to make below a directory. */
export type SafeEntry =
  | { readonly kind: 'directory'; readonly path: readonly string[]; readonly mode: number }
  | {
      readonly kind: 'file';
      readonly path: readonly string[];
      readonly mode: number;
      readonly mtime: Date | undefined;
    }
  | { readonly kind: 'link'; readonly path: readonly string[]; readonly target: string }
  | { readonly kind: 'hard-link'; readonly path: readonly string[]; readonly target: readonly string[] };

export type Entry = Pick<ReadEntry, 'type' | 'path' | 'mode' | 'mtime' | 'linkpath'>;

/** No set-id bits, no sticky bit. */
const PERMISSIONS = 0o777;

/** Looks at an entry that a guest made up. Refused is whatever would land, or point, outside. Pure. */
export function checkEntry(entry: Entry): SafeEntry {
  const path = components(entry.path, refused);
  const mode = (entry.mode ?? 0o644) & PERMISSIONS;
  switch (entry.type) {
    case 'Directory':
    case 'GNUDumpDir':
      // Ours to write into, whatever the guest says.
      return { kind: 'directory', path, mode: mode | 0o700 };
    case 'File':
    case 'OldFile':
    case 'ContiguousFile':
      if (path.length === 0) throw refused(entry.path, 'it has no name');
      return { kind: 'file', path, mode, mtime: timeOf(entry) };
    case 'SymbolicLink':
      return { kind: 'link', path: named(path, entry), target: linkTarget(entry, path.length - 1) };
    case 'Link':
      return {
        kind: 'hard-link',
        path: named(path, entry),
        target: components(entry.linkpath ?? '', refused),
      };
    default:
      throw refused(entry.path, `it is of the type ${entry.type}`);
  }
}

/** Not one that no date can be, which a guest may well give a file. */
function timeOf({ mtime }: Entry): Date | undefined {
  return mtime === undefined || Number.isNaN(mtime.getTime()) ? undefined : mtime;
}

function named(path: readonly string[], entry: Entry): readonly string[] {
  if (path.length === 0) throw refused(entry.path, 'it has no name');
  return path;
}

/** The names on the way to an entry; `refuse` makes the error for a path that leads anywhere but down. */
export function components(path: string, refuse: (path: string, why: string) => SandboxError): string[] {
  if (path.startsWith('/')) throw refuse(path, 'its path is absolute');
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw refuse(path, 'its path leads upwards');
  if (path.includes('\0')) throw refuse(path, 'its path has a NUL byte');
  return parts;
}

/**
 * A link may lead upwards at its start only, and no further than to the top: the directories above it are real ones, so that much is certain. After
 * a name, which may itself be a link, `..` could lead anywhere.
 */
function linkTarget({ path, linkpath = '' }: Entry, depth: number): string {
  if (linkpath === '' || linkpath.includes('\0')) throw refused(path, 'it is a link to nothing');
  if (linkpath.startsWith('/')) throw refused(path, `it is a link to ${linkpath}, an absolute path`);
  const parts = linkpath.split('/').filter((part) => part !== '' && part !== '.');
  const firstName = parts.findIndex((part) => part !== '..');
  const upwards = firstName === -1 ? parts.length : firstName;
  if (upwards > depth || parts.lastIndexOf('..') > upwards) {
    throw refused(path, `it is a link to ${linkpath}, which may lead outside`);
  }
  return linkpath;
}

function refused(path: string, why: string): SandboxError {
  return new SandboxError(
    'FAILED_PRECONDITION',
    `the sandbox's entry ${JSON.stringify(path)} was refused: ${why}`,
    {
      operation: 'files.download',
      hint: 'What came before it was copied. Remove it in the sandbox, copy its parts one by one, or read it with pack().',
    },
  );
}
