import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { ImageStore, OnImageProgress } from '../adapter/images.ts';
import { abortError } from '../errors/deadline.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { lookupProcess } from '../naming/read-instance.ts';
import { entriesOf } from '../transfer/archive-reader.ts';
import { HostDirectory } from '../transfer/host-directory.ts';
import { onHost } from '../transfer/host-errors.ts';
import { Unpacker } from '../transfer/unpacker.ts';
import { writeImageNotes } from './image-notes.ts';
import { checkRootEntry } from './root-entry.ts';

const operation = 'images.unpack';

export interface UnpackRequest {
  readonly image: string;
  /** Made; or there and empty. */
  readonly directory: string;
  readonly onProgress?: OnImageProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface UnpackedImage {
  /** Absolute: what `image` is to be for a sandbox on it. */
  readonly directory: string;
  /** The engine's id of the image. */
  readonly id: string;
  readonly entries: number;
  readonly bytes: number;
  /** Not made: devices and FIFOs. Made without them: set-uid and set-gid bits. */
  readonly leftOut: { readonly devices: number; readonly setIds: number };
}

/**
 * Makes a directory of the files of an image that is on this host, for runtimes that have no images: its path is then the `image` of a sandbox. All files belong to who
 * unpacks. The image is taken for hostile: nothing outside of the directory is made or followed. `FAILED_PRECONDITION` when the directory is there and not empty.
 * All or nothing, also when the program is killed: it is made aside, and put into place at the end.
 */
export async function unpackImage(images: ImageStore, request: UnpackRequest): Promise<UnpackedImage> {
  const { image, signal, onProgress } = request;
  if (images.export === undefined)
    throw new SandboxError('UNSUPPORTED', 'this runtime cannot give the files of an image', { operation });
  const directory = resolve(request.directory);
  const info = await images.inspect(image, { signal });
  await checkEmpty(directory);
  const draft = await makeDraft(directory);
  try {
    const progress = (bytes: number) =>
      onProgress?.({
        message: `unpacking ${image}`,
        current: Math.min(bytes, info.sizeBytes),
        total: info.sizeBytes,
      });
    const result = await unpackInto(draft, images.export(image, { signal }), { signal, progress });
    await onHost(directory, () => writeImageNotes(draft, image, info));
    signal?.throwIfAborted();
    await onHost(directory, () => putIntoPlace(draft, directory));
    return { directory, id: info.id, ...result };
  } catch (error) {
    throw signal?.aborted ? abortError(signal, operation) : SandboxError.withContext(error, { operation });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function unpackInto(
  draft: string,
  archive: AsyncIterable<Uint8Array>,
  { signal, progress }: { signal: AbortSignal | undefined; progress: (bytes: number) => void },
): Promise<Omit<UnpackedImage, 'directory' | 'id'>> {
  const leftOut = { devices: 0, setIds: 0 };
  const root = await onHost(draft, () => HostDirectory.open(draft));
  const unpacker = new Unpacker(root, { exactModes: true });
  try {
    for await (const entry of entriesOf(archive)) {
      signal?.throwIfAborted();
      const checked = checkRootEntry(entry);
      if (checked.kind === 'left-out') {
        if (checked.why === 'device') leftOut.devices += 1;
        entry.resume();
        continue;
      }
      if (checked.lostSetId) leftOut.setIds += 1;
      await onHost(checked.safe.path.join('/'), () => unpacker.unpack(checked.safe, entry));
      progress(unpacker.total.bytes);
    }
    await unpacker.settle();
    // Guests have to be able to search it, whatever the image says of its top.
    await root.chmod(0o755);
    return { ...unpacker.total, leftOut };
  } finally {
    await unpacker.close();
  }
}

/** Beside it, in a name that tells whose it is. What killed programs left of the same goes. */
async function makeDraft(directory: string): Promise<string> {
  const parent = dirname(directory);
  const prefix = `.${basename(directory)}.unpacking-`;
  await onHost(parent, () => mkdir(parent, { recursive: true }));
  const isLeft = (name: string) => {
    const [pid, startTime] = name.slice(prefix.length).split('-');
    return name.startsWith(prefix) && lookupProcess(Number(pid)) !== startTime;
  };
  for (const name of (await onHost(parent, () => readdir(parent))).filter(isLeft))
    await rm(join(parent, name), { recursive: true, force: true });
  const self = `${process.pid}-${lookupProcess(process.pid)}-${randomBytes(4).toString('hex')}`;
  const draft = join(parent, prefix + self);
  await onHost(draft, () => mkdir(draft, { mode: 0o700 }));
  return draft;
}

async function checkEmpty(directory: string): Promise<void> {
  const entries = await onHost(directory, () => readdir(directory)).catch((error) => {
    if (SandboxError.is(error) && error.code === 'NOT_FOUND') return [];
    throw error;
  });
  if (entries.length > 0) throw inTheWay(`${directory} is not empty`);
}

async function putIntoPlace(draft: string, directory: string): Promise<void> {
  try {
    // Only an empty directory gives way.
    await rename(draft, directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') throw inTheWay(`${directory} is not empty any more`);
    if (code === 'EBUSY' || code === 'EXDEV') throw inTheWay(`something is mounted at ${directory}`);
    throw error;
  }
}

function inTheWay(message: string): SandboxError {
  return new SandboxError('FAILED_PRECONDITION', message, {
    operation,
    hint: 'Name a directory that is not there yet, or an empty one.',
  });
}
