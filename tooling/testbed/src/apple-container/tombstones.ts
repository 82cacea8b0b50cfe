import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Configuration } from './configuration.ts';
import type { Container } from './container.ts';

interface Record {
  readonly configuration: Configuration;
  readonly goneAt?: number;
}

/** Containers that are gone and are still shown for a while, as with real ones under load. */
export class Tombstones {
  readonly #directory = join(tmpdir(), `fake-container-${process.getuid?.() ?? 0}`, 'records');
  readonly #ms: number;

  constructor(ms: number) {
    this.#ms = ms;
    mkdirSync(this.#directory, { recursive: true });
  }

  remember(configuration: Configuration): void {
    this.#write({ configuration });
  }

  /** Called for what the engine does not have. */
  find(id: string): Container | undefined {
    const record = this.#read(id);
    if (record === undefined) return undefined;
    const goneAt = record.goneAt ?? Date.now();
    if (record.goneAt === undefined) this.#write({ ...record, goneAt });
    if (Date.now() - goneAt < this.#ms)
      return {
        configuration: record.configuration,
        state: 'stopped',
        startedDate: new Date(0).toISOString(),
      };
    rmSync(this.#path(id), { force: true });
    return undefined;
  }

  list(living: readonly string[]): Container[] {
    const ids = readdirSync(this.#directory).map((name) => name.replace(/\.json$/, ''));
    return ids.filter((id) => !living.includes(id)).flatMap((id) => this.find(id) ?? []);
  }

  #path(id: string): string {
    return join(this.#directory, `${id.replaceAll('/', '_')}.json`);
  }

  #read(id: string): Record | undefined {
    try {
      return JSON.parse(readFileSync(this.#path(id), 'utf8')) as Record;
    } catch {
      return undefined;
    }
  }

  #write(record: Record): void {
    writeFileSync(this.#path(record.configuration.id), JSON.stringify(record));
  }
}
