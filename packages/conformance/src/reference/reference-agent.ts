import { randomUUID } from 'node:crypto';
import { access, chmod, copyFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentSpec } from '@sandbox/core';
import { makeSearchable } from './reference-state.ts';

export const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** A copy that every user may execute and none may read, whatever the package's own directory allows. Made once, never changed. */
export async function placeAgent(directory: string, agent: AgentSpec): Promise<string> {
  const home = join(directory, 'agent', agent.digest);
  const path = join(home, 'agent');
  const there = await access(path).then(
    () => true,
    () => false,
  );
  if (there) return path;
  await makeSearchable(join(directory, 'agent'));
  await makeSearchable(home);
  const draft = join(home, `draft-${randomUUID()}`);
  await copyFile(agent.path(architecture), draft);
  await chmod(draft, 0o111);
  await rename(draft, path);
  return path;
}
