import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** The registry with all that lies beside it, what was set aside included. Undefined where there is none. */
export async function registrySize(
  env: Environment,
): Promise<{ name: string; sizeBytes: number } | undefined> {
  const { registryFile } = await import('@sandbox/core');
  const file = registryFile(env);
  const names = await readdir(dirname(file)).catch(() => []);
  if (names.length === 0) return undefined;
  const sizes = await Promise.all(
    names.map(async (name) => (await stat(join(dirname(file), name)).catch(() => undefined))?.size ?? 0),
  );
  return { name: file, sizeBytes: sizes.reduce((sum, size) => sum + size, 0) };
}

/** Of the state directory nothing is left, unless it has something in it that is not ours. */
export async function removeRegistry(env: Environment): Promise<void> {
  const { registryFile, stateDirectory } = await import('@sandbox/core');
  await rm(dirname(registryFile(env)), { recursive: true, force: true });
  await rmdir(stateDirectory(env)).catch(() => {});
}
