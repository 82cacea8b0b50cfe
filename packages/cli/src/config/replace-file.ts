import { lstat, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import type { SandboxError } from '@sandbox/core';

/** The file that links lead to, which may have to be made. */
export async function targetOf(file: string): Promise<string> {
  const target = await realpath(file).catch(() => file);
  const there = await lstat(target).catch(() => undefined);
  if (there?.isFile() === false) throw new Error('it is there, and is no file');
  return target;
}

/** At once, so that whoever follows the file never reads half of it. A link keeps leading to it; a device, such as /dev/null, stays what it is. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const target = await targetOf(file);
  // Who may read it stays as it was.
  const mode = ((await stat(target).catch(() => undefined))?.mode ?? 0o644) & 0o777;
  const beside = `${target}.${process.pid}.new`;
  try {
    await writeFile(beside, text, { flag: 'wx', mode });
    await rename(beside, target);
  } finally {
    await rm(beside, { force: true });
  }
}

/** What stands against writing a file of settings, in words. */
export async function unwritable(file: string, cause: unknown): Promise<SandboxError> {
  const { SandboxError } = await import('@sandbox/core');
  const { code, message } = cause as NodeJS.ErrnoException;
  return new SandboxError(
    code === 'EACCES' || code === 'EPERM' || code === 'EROFS' ? 'PERMISSION_DENIED' : 'FAILED_PRECONDITION',
    `${file} cannot be written: ${message}`,
    { operation: 'config', hint: 'Name another place with --config FILE.', cause },
  );
}
