import { Header, Parser, Pax, type ReadEntry } from 'tar';

const BLOCK = 512;

/** A file or directory to put into a container. */
export interface TarEntry {
  /** Relative; a directory's ends with a slash. */
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly content?: Uint8Array;
}

/** An archive in memory. */
export function tarArchive(entries: readonly TarEntry[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { name, content = new Uint8Array(), ...owned } of entries) {
    const type = name.endsWith('/') ? 'Directory' : 'File';
    const data = { ...owned, path: name, type, size: content.length, mtime: new Date(0) } as const;
    const header = new Header(data);
    if (header.encode()) parts.push(new Pax(data).encode());
    parts.push(header.block as Buffer, content, Buffer.alloc(-content.length & (BLOCK - 1)));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

/** The first entry of an archive: what an engine sends for one path. Null when it is not a regular file, or not all there. */
export async function firstFile(archive: Buffer): Promise<File | null> {
  const { promise, resolve } = Promise.withResolvers<File | null>();
  const parser = new Parser({ strict: true, brotli: false, zstd: false });
  parser.once('entry', (entry: ReadEntry) => {
    const chunks: Buffer[] = [];
    entry.on('data', (chunk) => chunks.push(chunk));
    entry.on('end', () => {
      const { type, mode = 0, uid = 0 } = entry;
      resolve(type === 'File' ? { mode: mode & 0o7777, uid, content: Buffer.concat(chunks) } : null);
    });
  });
  parser.on('end', () => resolve(null)).on('error', () => resolve(null));
  parser.end(archive);
  return promise;
}

interface File {
  readonly mode: number;
  readonly uid: number;
  readonly content: Buffer;
}
