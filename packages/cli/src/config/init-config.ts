import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { CommandContext } from '../command-context.ts';
import { replaceFile, unwritable } from './replace-file.ts';

/** Writes a configuration to begin with where it will be looked for, and returns its path. `ALREADY_EXISTS` where one is there, unless forced. */
export async function initConfig(
  context: CommandContext,
  { config: named, force = false }: { readonly config?: string; readonly force?: boolean },
): Promise<string> {
  const [{ SandboxError }, { configCandidates, configTemplate }] = await Promise.all([
    import('@sandbox/core'),
    import('@sandbox/config'),
  ]);
  const { env, cwd } = context.io;
  const [file = ''] = configCandidates({ file: named, env, cwd, home: env.HOME }).candidates;
  try {
    await mkdir(dirname(file), { recursive: true });
    if (force) await replaceFile(file, configTemplate());
    else await writeFile(file, configTemplate(), { flag: 'wx' });
    return file;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new SandboxError('ALREADY_EXISTS', `there is a configuration at ${file}`, {
        operation: 'config',
        hint: `Look at what it says with \`${context.name} config show\`, or write over it with --force.`,
        cause,
      });
    }
    throw await unwritable(file, cause);
  }
}
