import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type CallOptions, SandboxError, type VolumeInfo, type VolumeStore } from '@sandbox/core';
import { makeOnce, makeSearchable, type ReferenceState, readJson } from './reference-state.ts';

interface VolumeRecord {
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: string;
}

/** Volumes are directories with a label file beside them. */
export function referenceVolumes(
  state: ReferenceState,
  check: (operation: string, options?: CallOptions) => void,
): VolumeStore & { data(name: string): string } {
  const home = (name: string) => join(state.directory, 'volumes', name);

  async function read(name: string): Promise<VolumeInfo | undefined> {
    const record = await readJson<VolumeRecord>(join(home(name), 'volume.json'));
    return record && { name, labels: record.labels, createdAt: new Date(record.createdAt) };
  }

  async function inUse(name: string): Promise<boolean> {
    const records = await Promise.all((await state.names()).map((sandbox) => state.read(sandbox)));
    return records.some((record) =>
      record?.spec.mounts.some((mount) => mount.type === 'volume' && mount.volume === name),
    );
  }

  return {
    data: (name) => join(home(name), 'data'),

    async ensure(name, labels, options) {
      check('volumes.ensure', options);
      if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,200}$/.test(name)) {
        throw new SandboxError('INVALID_ARGUMENT', `not a name: ${JSON.stringify(name)}`);
      }
      await state.prepare();
      const there = await read(name);
      if (there) return there;
      await makeSearchable(home(name));
      await mkdir(join(home(name), 'data'), { recursive: true });
      const createdAt = new Date();
      const made = await makeOnce(join(home(name), 'volume.json'), { labels, createdAt });
      return (made ? undefined : await read(name)) ?? { name, labels, createdAt };
    },

    async remove(name, options) {
      check('volumes.remove', options);
      if (await inUse(name)) {
        throw new SandboxError('FAILED_PRECONDITION', `volume ${name} is used by a sandbox`);
      }
      await rm(home(name), { recursive: true, force: true });
    },

    async list(labels = {}, options) {
      check('volumes.list', options);
      const names = await readdir(join(state.directory, 'volumes')).catch(() => []);
      const all = await Promise.all(names.map(read));
      return all
        .filter((volume) => volume !== undefined)
        .filter((volume) => carriesAll(volume.labels, { ...labels, 'dev.sandbox.managed': 'true' }));
    },
  };
}

export function carriesAll(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}
