import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandContext } from '../command-context.ts';
import { replaceFile, targetOf, unwritable } from './replace-file.ts';

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
  try {
    await mkdir(dirname(file), { recursive: true });
  } catch (cause) {
    throw await unwritable(file, cause);
  }
  const unlock = await lock(file);
  try {
    const text = await read(file);
    parseConfig(text, file);
    const changed = change(text, file);
    parseConfig(changed, file);
    await replaceFile(file, changed).catch(async (cause) => {
      throw await unwritable(file, cause);
    });
  } finally {
    unlock();
  }
  return file;
}

const PAUSE_MS = 20;
const PATIENCE_MS = 10_000;

/** Of two who change it at once, the second would take back what the first has written: a key that was removed. The lock lies beside the file, whatever links lead to that. */
async function lock(file: string): Promise<() => void> {
  const { lockFile, SandboxError } = await import('@sandbox/core');
  for (const since = performance.now(); performance.now() - since < PATIENCE_MS; await sleep(PAUSE_MS)) {
    try {
      const unlock = lockFile(`${await targetOf(file)}.lock`);
      if (unlock !== undefined) return unlock;
    } catch (cause) {
      throw await unwritable(file, cause);
    }
  }
  throw new SandboxError('UNAVAILABLE', `another program is changing ${file}`, {
    operation: 'config',
    hint: 'Try again when it has ended.',
  });
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
