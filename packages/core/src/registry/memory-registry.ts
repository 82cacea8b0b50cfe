import { afterMaking, laterUse } from './later-use.ts';
import type { Registry, SandboxRecord } from './registry.ts';

/** Remembers as long as the program runs. */
export function createMemoryRegistry(given: readonly SandboxRecord[] = []): Registry {
  const records = new Map(given.map((record) => [record.name, record]));
  return {
    async put(record) {
      const known = records.get(record.name);
      records.set(record.name, known === undefined ? record : { ...record, ...laterUse(known, record) });
    },
    async get(name) {
      return records.get(name);
    },
    async list() {
      return [...records.values()];
    },
    async touch(name, at, boot) {
      const record = records.get(name);
      if (record === undefined) return;
      const { mark: _mark, condemned: _condemned, ...rest } = record;
      const lastUsedAt = afterMaking(at, record.createdAt);
      records.set(name, { ...rest, ...laterUse(record, { lastUsedAt, lastUsedBoot: boot }) });
    },
    async mark(name, mark) {
      const record = records.get(name);
      if (record !== undefined) records.set(name, { ...record, mark });
    },
    async condemn(name) {
      const record = records.get(name);
      if (record !== undefined) records.set(name, { ...record, condemned: true });
    },
    async remove(name, instance) {
      if (instance === undefined || records.get(name)?.instance === instance) records.delete(name);
    },
    async close() {},
  };
}
