import { mkdir } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { GuestFiles } from '@sandbox/guest';
import type { ByteStream } from '../command/types.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { checkEntry } from './archive-entry.ts';
import { entriesOf } from './archive-reader.ts';
import type { TransferOptions, Transferred } from './files.ts';
import { HostDirectory } from './host-directory.ts';
import { onHost } from './host-errors.ts';
import { TransferTally } from './transfer-tally.ts';
import { Unpacker, writeFile } from './unpacker.ts';

const PERMISSIONS = 0o777;

/** Copies a file, or a directory's contents, out of the guest. What comes is taken for hostile: see `checkEntry` and `HostDirectory`. */
export async function download(
  files: GuestFiles,
  guestPath: string,
  hostPath: string,
  { signal, onProgress }: TransferOptions = {},
): Promise<Transferred> {
  const path = resolve(hostPath);
  const tally = new TransferTally(onProgress);
  const stat = await files.stat(guestPath, { follow: true, signal });
  if (stat.type === 'directory') {
    await onHost(path, () => mkdir(dirname(path), { recursive: true }));
    return unpackInto(path, files.tarOut(guestPath, { signal }) as unknown as ByteStream, tally);
  }
  if (stat.type !== 'file') {
    throw new SandboxError('FAILED_PRECONDITION', `${guestPath} is a ${stat.type}`);
  }
  await onHost(path, () => mkdir(dirname(path), { recursive: true }));
  const parent = await onHost(path, () => HostDirectory.open(dirname(path)));
  try {
    const content = files.read(guestPath, { signal }) as unknown as ByteStream;
    tally.addEntry();
    await onHost(path, () =>
      writeFile(parent, basename(path), { mode: stat.mode & PERMISSIONS, content, tally }),
    );
    return tally.total;
  } finally {
    await parent.close();
  }
}

async function unpackInto(path: string, archive: ByteStream, tally: TransferTally): Promise<Transferred> {
  const unpacker = new Unpacker(await onHost(path, () => HostDirectory.openItself(path, 0o777)), { tally });
  try {
    for await (const entry of entriesOf(archive)) {
      const safe = checkEntry(entry);
      await onHost(safe.path.join('/'), () => unpacker.unpack(safe, entry));
    }
    await unpacker.settle();
    return tally.total;
  } finally {
    await unpacker.close();
  }
}
