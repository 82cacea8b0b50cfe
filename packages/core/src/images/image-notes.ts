import { constants } from 'node:fs';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { ImageInfo } from '../adapter/images.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import type { UsedOfImage } from '../lifecycle/spec-request.ts';
import { RESERVED } from './root-entry.ts';

const FILE = `${RESERVED}/image.json`;
const MOST_BYTES = 1024 * 1024;

const notesSchema = z.object({
  image: z.string(),
  env: z.record(z.string(), z.string()).optional(),
  workdir: z.string().startsWith('/').optional(),
});

/** What an image says besides its files, and a sandbox on its directory needs as well: into a root file system that is being unpacked, where no guest sees it. */
export async function writeImageNotes(
  directory: string,
  image: string,
  { env, workdir }: ImageInfo,
): Promise<void> {
  await mkdir(join(directory, RESERVED), { mode: 0o755 });
  const notes: z.infer<typeof notesSchema> = { image, ...(env && { env }), ...(workdir && { workdir }) };
  await writeFile(join(directory, FILE), `${JSON.stringify(notes, null, 2)}\n`, { flag: 'wx', mode: 0o644 });
}

/** Undefined for a directory that something else has unpacked. */
export async function readImageNotes(directory: string): Promise<UsedOfImage | undefined> {
  try {
    const { env, workdir } = notesSchema.parse(JSON.parse(await readSmall(join(directory, FILE))));
    return { ...(env && { env }), ...(workdir && { workdir }) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new SandboxError('FAILED_PRECONDITION', `${join(directory, FILE)} is damaged`, {
      operation: 'create',
      hint: 'Unpack the image again, or remove the file: then its environment is not used.',
      cause: error,
    });
  }
}

async function readSmall(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile() || stat.size > MOST_BYTES) throw new Error('it is no small file');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
