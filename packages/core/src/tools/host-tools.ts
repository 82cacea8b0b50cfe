import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { GUEST_PATH } from '../lifecycle/guest-layout.ts';
import { toolOf } from './tools.ts';

/** Which tools lack programs in a root file system, and which ones. Only the host can change what lies there. */
export async function missingOnHost(
  root: string,
  tools: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const missing = new Map<string, readonly string[]>();
  for (const name of tools) {
    const lacking = await lackingPrograms(root, toolOf(name).commands);
    if (lacking.length > 0) missing.set(name, lacking);
  }
  return missing;
}

/** Which of these programs a root file system lacks. */
export async function lackingPrograms(root: string, programs: readonly string[]): Promise<readonly string[]> {
  const there = await Promise.all(programs.map((program) => isProgram(root, program)));
  return programs.filter((_, index) => !there[index]);
}

async function isProgram(root: string, command: string): Promise<boolean> {
  const found = await Promise.all(
    GUEST_PATH.split(':').map((directory) =>
      access(join(root, directory, command), constants.X_OK).then(yes, no),
    ),
  );
  return found.includes(true);
}

const yes = () => true;
const no = () => false;
