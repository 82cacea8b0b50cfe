import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** A list is not to wait for a tree with millions of files. */
const MEASURING_MS = 10_000;

/**
 * What a directory occupies on its file system; undefined where that cannot be told. By `du`, which goes from directory to directory by their handles: a guest that puts a link in
 * the place of one leads it nowhere.
 */
export async function sizeOf(path: string, signal?: AbortSignal): Promise<number | undefined> {
  try {
    const { stdout } = await run('du', ['-sx', '--block-size=1', '--', path], {
      signal,
      timeout: MEASURING_MS,
    });
    return Number(/^\d+/.exec(stdout)?.[0] ?? Number.NaN);
  } catch (error) {
    if (signal?.aborted) throw error;
    // Files have gone meanwhile: what it has counted then is good enough.
    const { stdout = '' } = error as { stdout?: string };
    const counted = /^\d+/.exec(stdout)?.[0];
    return counted === undefined ? undefined : Number(counted);
  }
}
