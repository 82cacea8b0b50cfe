import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { carries } from './labels.ts';
import { identify } from './process-record.ts';

/** What a runtime without a daemon has: sandboxes and volumes are directories with their labels in a file. */
export function findLabelledDirectories(
  runtime: string,
  labels: readonly string[],
  remove: boolean,
): string[] {
  const state = process.env.SANDBOX_STATE_DIR;
  const root = join(state || '/var/lib/sandbox', runtime);
  const found: string[] = [];
  for (const [kind, file] of [
    ['sandboxes', 'sandbox.json'],
    ['volumes', 'volume.json'],
  ] as const) {
    for (const name of listed(join(root, kind))) {
      const record = readJson(join(root, kind, name, file)) as
        | { labels?: Record<string, string>; spec?: { labels?: Record<string, string> } }
        | undefined;
      if (!carries(record?.labels ?? record?.spec?.labels, labels)) continue;
      found.push(`${kind === 'volumes' ? 'volume' : 'sandbox'} ${name}`);
      if (remove) removeDirectory(join(root, kind, name));
    }
  }
  return found;
}

function removeDirectory(path: string): void {
  for (const file of listed(join(path, 'processes'))) {
    const jail = readJson(join(path, 'processes', file)) as { pid: number; startTime: string } | undefined;
    if (jail !== undefined && identify(jail.pid)?.startTime === jail.startTime)
      process.kill(jail.pid, 'SIGKILL');
  }
  // What is still mounted there stays, for the adapter to remove.
  if (!readFileSync('/proc/self/mountinfo', 'latin1').includes(`${path}/`))
    rmSync(path, { recursive: true, force: true });
}

function listed(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
