import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const FILES = 1_000;
export const FILE_SIZE = 10_240;

/** A directory of 1,000 files of 10 KB that are not all alike. */
export async function makeSampleFiles(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (let n = 0; n < FILES; n += 1) {
    await writeFile(join(directory, `file-${n}.bin`), Buffer.alloc(FILE_SIZE, `${n} of ${FILES};`));
  }
}
