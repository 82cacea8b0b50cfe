import { randomUUID } from 'node:crypto';
import { chmod, chown, link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxSpec } from '@sandbox/core';
import type { ProcessIdentity } from './reference-processes.ts';

/** What is known of a sandbox, kept beside its files. */
export interface SandboxRecord {
  readonly spec: Omit<SandboxSpec, 'agent'> & { readonly agent: { readonly digest: string } };
  readonly createdAt: string;
  /** In the environment of everything that is started for it. */
  readonly mark: string;
}

export interface MainRecord extends ProcessIdentity {
  readonly exitCode?: number | null;
}

/**
 * The directory of all sandboxes:
 *
 *     agent/<digest>/agent                the agents, mode 0111
 *     sandboxes/<name>/sandbox.json       the record
 *     sandboxes/<name>/main.json          the main process, once started
 *     sandboxes/<name>/processes/<pid>    what `exec` started
 *     sandboxes/<name>/world              the sandbox's own directory
 *     volumes/<name>/{volume.json,data}
 *
 * Only the owner may read it; everybody may pass through to what is theirs.
 */
export class ReferenceState {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  path(name: string, ...parts: string[]): string {
    return join(this.directory, 'sandboxes', name, ...parts);
  }

  async prepare(): Promise<void> {
    for (const path of [this.directory, join(this.directory, 'sandboxes'), join(this.directory, 'volumes')]) {
      await makeSearchable(path);
    }
  }

  /** False when the name is taken. */
  async add(record: SandboxRecord, fill: (world: string) => Promise<void>): Promise<boolean> {
    await this.prepare();
    const draft = join(this.directory, `draft-${randomUUID()}`);
    try {
      await makeSearchable(draft);
      await mkdir(join(draft, 'processes'), { mode: 0o700 });
      await mkdir(join(draft, 'world'));
      await fill(join(draft, 'world'));
      await writeFile(join(draft, 'sandbox.json'), JSON.stringify(record), { mode: 0o600 });
      await rename(draft, this.path(record.spec.name));
      return true;
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
      throw error;
    }
  }

  read(name: string): Promise<SandboxRecord | undefined> {
    return readJson(this.path(name, 'sandbox.json'));
  }

  async names(): Promise<string[]> {
    return readdir(join(this.directory, 'sandboxes')).catch(() => []);
  }

  main(name: string): Promise<MainRecord | undefined> {
    return readJson(this.path(name, 'main.json'));
  }

  async setMain(name: string, main: MainRecord): Promise<void> {
    await replace(this.path(name, 'main.json'), main);
  }

  async addProcess(name: string, identity: ProcessIdentity): Promise<void> {
    await replace(this.path(name, 'processes', String(identity.pid)), identity);
  }

  async processes(name: string): Promise<ProcessIdentity[]> {
    const files = await readdir(this.path(name, 'processes')).catch(() => []);
    const found = await Promise.all(
      files.map((file) => readJson<ProcessIdentity>(this.path(name, 'processes', file))),
    );
    return found.filter((identity) => identity !== undefined);
  }

  async forgetProcesses(name: string): Promise<void> {
    for (const file of await readdir(this.path(name, 'processes')).catch(() => [])) {
      await rm(this.path(name, 'processes', file), { force: true });
    }
  }

  async remove(name: string): Promise<void> {
    // Out of the way at once, so that nobody sees half of it.
    const doomed = join(this.directory, `doomed-${randomUUID()}`);
    await rename(this.path(name), doomed).catch(() => undefined);
    await rm(doomed, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The caller's umask does not matter. */
export async function makeSearchable(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o711);
}

export async function give(path: string, owner: { uid: number; gid: number }): Promise<void> {
  if (process.getuid?.() === 0) await chown(path, owner.uid, owner.gid);
}

export async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** False when there is one already, whoever has just made it. */
export async function makeOnce(path: string, value: unknown): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(value), { mode: 0o600 });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    await rm(draft, { force: true });
  }
}

export async function replace(path: string, value: unknown): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(value), { mode: 0o600 });
  await rename(draft, path);
}
