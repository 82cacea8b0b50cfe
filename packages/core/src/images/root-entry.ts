import { SandboxError } from '../errors/sandbox-error.ts';
import { components, type Entry, type SafeEntry } from '../transfer/archive-entry.ts';

/** An entry of a root file system's archive, and what was taken from it; or one that is not made. */
export type RootEntry =
  | { readonly kind: 'entry'; readonly safe: SafeEntry; readonly lostSetId: boolean }
  /** `device`: also a FIFO. `reserved`: at or below `/.sandbox`, which is ours in every guest. */
  | { readonly kind: 'left-out'; readonly why: 'device' | 'reserved' };

/** Of every root, where the agent is mounted and our own notes lie. */
export const RESERVED = '.sandbox';

const PERMISSIONS = 0o777;
const SET_ID = 0o6000;
const STICKY = 0o1000;

/**
 * Looks at an entry that somebody unknown made up. Links may lead anywhere, for they are read in a guest only, where they lead nowhere but into the same root;
 * entries may not, and nothing that has effect outside of a guest is made: no device, no set-uid file. Pure.
 */
export function checkRootEntry(entry: Entry): RootEntry {
  const path = components(entry.path, refused);
  if (path[0] === RESERVED) return { kind: 'left-out', why: 'reserved' };
  const mode = entry.mode ?? 0o644;
  const made = (safe: SafeEntry, lostSetId = false): RootEntry => ({ kind: 'entry', safe, lostSetId });
  switch (entry.type) {
    case 'Directory':
    case 'GNUDumpDir':
      // Its owner, who unpacks, has to write into it.
      return made({ kind: 'directory', path, mode: (mode & (PERMISSIONS | STICKY)) | 0o700 });
    case 'File':
    case 'OldFile':
    case 'ContiguousFile': {
      const safe = { kind: 'file', path: named(path), mode: mode & PERMISSIONS, mtime: entry.mtime } as const;
      return made(safe, (mode & SET_ID) !== 0);
    }
    case 'SymbolicLink': {
      const target = entry.linkpath ?? '';
      if (target === '' || target.includes('\0')) throw refused(entry.path, 'it is a link to nothing');
      return made({ kind: 'link', path: named(path), target });
    }
    case 'Link':
      return made({
        ...{ kind: 'hard-link', path: named(path) },
        target: components(entry.linkpath ?? '', refused),
      });
    case 'CharacterDevice':
    case 'BlockDevice':
    case 'FIFO':
      return { kind: 'left-out', why: 'device' };
    default:
      throw refused(entry.path, `it is of the type ${entry.type}`);
  }
}

function named(path: readonly string[]): readonly string[] {
  if (path.length > 0) return path;
  throw refused('.', 'it has no name');
}

function refused(path: string, why: string): SandboxError {
  return new SandboxError(
    'FAILED_PRECONDITION',
    `the image's entry ${JSON.stringify(path)} was refused: ${why}`,
    { hint: 'Nothing was kept. An image that a usual tool has built has no such entry: do you trust it?' },
  );
}
