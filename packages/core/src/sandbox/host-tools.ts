import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { GUEST_PATH } from '../lifecycle/guest-layout.ts';
import { toolOf } from '../tools/tools.ts';

/** Which tools lack programs in a root file system, and which ones. Only the host can change what lies there. */
export async function missingOnHost(
  root: string,
  tools: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const missing = new Map<string, readonly string[]>();
  for (const name of tools) {
    const { commands } = toolOf(name);
    const there = await Promise.all(commands.map((command) => isProgram(root, command)));
    const lacking = commands.filter((_, index) => !there[index]);
    if (lacking.length > 0) missing.set(name, lacking);
  }
  return missing;
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
