import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** What this program keeps itself: each in a directory of its own. */
export interface StateFile {
  readonly kind: 'registry' | 'history';
  readonly name: string;
  readonly sizeBytes: number;
}

/** The registry and the history of executions, as far as they are there, with all that lies beside them, what was set aside included. */
export async function stateFiles(env: Environment): Promise<StateFile[]> {
  const files = await Promise.all(
    (await places(env)).map(async ({ kind, name }) => ({
      kind,
      name,
      sizeBytes: await sizeOf(dirname(name)),
    })),
  );
  return files.flatMap(({ sizeBytes, ...file }) => (sizeBytes === null ? [] : [{ ...file, sizeBytes }]));
}

/** Of the state directory nothing is left, unless it has something in it that is not ours. */
export async function removeStateFiles(env: Environment): Promise<void> {
  const { stateDirectory } = await import('@sandbox/core');
  for (const { name } of await places(env)) await rm(dirname(name), { recursive: true, force: true });
  await rmdir(stateDirectory(env)).catch(() => {});
}

async function places(env: Environment) {
  const { executionsFile, registryFile } = await import('@sandbox/core');
  return [
    { kind: 'registry', name: registryFile(env) },
    { kind: 'history', name: executionsFile(env) },
  ] as const;
}

/** Null where there is nothing. */
async function sizeOf(directory: string): Promise<number | null> {
  const names = await readdir(directory).catch(() => []);
  if (names.length === 0) return null;
  const sizes = await Promise.all(
    names.map(async (name) => (await stat(join(directory, name)).catch(() => undefined))?.size ?? 0),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
