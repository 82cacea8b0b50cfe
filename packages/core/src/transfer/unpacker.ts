import type { ReadEntry } from 'tar';
import { SandboxError } from '../errors/sandbox-error.ts';
import type { SafeEntry } from './archive-entry.ts';
import type { Transferred } from './files.ts';
import type { HostDirectory } from './host-directory.ts';
import { HostTree } from './host-tree.ts';
import { TransferTally } from './transfer-tally.ts';

/** Files that are written at the same time, and how large such a file may be. */
const WRITES = 8;
const SMALL = 64 * 1024;

/** Makes on the host what an archive says, entry by entry. Small files of one directory are written side by side. */
export class Unpacker {
  readonly #tree: HostTree;
  readonly #exactModes: boolean;
  readonly #tally: TransferTally;
  /** Files of this archive: a hard link may lead to these only. */
  readonly #files = new Set<string>();
  #parent = '';
  #writing: Promise<void>[] = [];

  /** With `exactModes` the umask of this program does not count. */
  constructor(root: HostDirectory, { exactModes = false, tally = new TransferTally() } = {}) {
    this.#tree = new HostTree(root);
    this.#exactModes = exactModes;
    this.#tally = tally;
  }

  get total(): Transferred {
    return this.#tally.total;
  }

  async unpack(safe: SafeEntry, entry: ReadEntry): Promise<void> {
    this.#tally.addEntry();
    const parent = safe.path.slice(0, -1).join('/');
    const aside = safe.kind === 'file' && parent === this.#parent && this.#writing.length < WRITES;
    if (!aside) await this.settle();
    this.#parent = parent;
    if (safe.kind !== 'file') return this.#unpackOther(safe, entry);
    const key = safe.path.join('/');
    // The same name once more: the later one counts, so it must come later.
    if (this.#files.has(key)) await this.settle();
    this.#files.add(key);
    const directory = await this.#tree.directory(safe.path.slice(0, -1));
    const name = safe.path.at(-1) as string;
    const small = entry.size <= SMALL;
    const content = small ? [await entry.concat()] : entry;
    const { mode, mtime } = safe;
    const written = writeFile(directory, name, {
      ...{ mode, mtime, content, tally: this.#tally, exactMode: this.#exactModes },
    });
    written.catch(() => {});
    this.#writing.push(written);
    if (!small) await this.settle();
  }

  /** Waits for the files that are being written; the directory that they are in stays open so long. */
  async settle(): Promise<void> {
    const writing = this.#writing;
    this.#writing = [];
    for (const result of await Promise.allSettled(writing)) {
      if (result.status === 'rejected') throw result.reason;
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#writing);
    await this.#tree.close();
  }

  async #unpackOther(safe: Exclude<SafeEntry, { kind: 'file' }>, entry: ReadEntry): Promise<void> {
    entry.resume();
    if (safe.kind === 'directory') {
      const directory = await this.#tree.directory(safe.path, safe.mode);
      if (this.#exactModes) await directory.chmod(safe.mode);
    } else if (safe.kind === 'link') {
      const parent = await this.#tree.directory(safe.path.slice(0, -1));
      await parent.createLink(safe.path.at(-1) as string, safe.target);
      this.#files.delete(safe.path.join('/'));
    } else {
      await this.#hardLink(safe.path, safe.target);
    }
  }

  async #hardLink(path: readonly string[], target: readonly string[]): Promise<void> {
    if (!this.#files.has(target.join('/'))) {
      throw new SandboxError(
        'FAILED_PRECONDITION',
        `the archive's entry ${path.join('/')} links to ${target.join('/')}, which did not come before it`,
      );
    }
    await this.#tree.hardLink(path, target);
    this.#files.add(path.join('/'));
  }
}

export interface NewFile {
  readonly mode: number;
  readonly mtime?: Date | undefined;
  readonly content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  readonly tally: TransferTally;
  readonly exactMode?: boolean | undefined;
}

/** Makes a file in the place of one that may be there. */
export async function writeFile(
  parent: HostDirectory,
  name: string,
  { mode, mtime, content, tally, exactMode = false }: NewFile,
): Promise<void> {
  const file = await parent.create(name, mode);
  try {
    for await (const chunk of content) {
      for (let offset = 0; offset < chunk.length; ) {
        const { bytesWritten } = await file.write(chunk, offset);
        offset += bytesWritten;
      }
      tally.addBytes(chunk.length);
    }
    if (exactMode) await file.chmod(mode);
    if (mtime !== undefined) await file.utimes(mtime, mtime);
  } finally {
    await file.close();
  }
}
