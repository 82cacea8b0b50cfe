import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { CommandContext } from '../command-context.ts';
import { replaceFile, unwritable } from './replace-file.ts';

/**
 * Changes the configuration that counts, or begins one where it will be looked for, and returns its path. What comes of it is checked before it is written: a file
 * that is wrong stays as it is.
 */
export async function changeConfig(
  context: CommandContext,
  named: string | undefined,
  change: (text: string, file: string) => string,
): Promise<string> {
  const { configCandidates, findConfigFile, parseConfig } = await import('@sandbox/config');
  const { env, cwd } = context.io;
  const found = configCandidates({ file: named, env, cwd, home: env.HOME });
  const file = findConfigFile(found) ?? found.candidates[0] ?? '';
  const text = await read(file);
  parseConfig(text, file);
  const changed = change(text, file);
  parseConfig(changed, file);
  try {
    await mkdir(dirname(file), { recursive: true });
    await replaceFile(file, changed);
  } catch (cause) {
    throw await unwritable(file, cause);
  }
  return file;
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    const { SandboxError } = await import('@sandbox/core');
    throw new SandboxError('PERMISSION_DENIED', `${file} cannot be read: ${(cause as Error).message}`, {
      operation: 'config',
      hint: 'Name another file with --config FILE.',
      cause,
    });
  }
}
