import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SandboxError } from '../errors/sandbox-error.ts';
import type { BootClock } from '../naming/boot-clock.ts';
import { readInstance } from '../naming/read-instance.ts';
import { faultOf, reasonOf, type SqliteFault } from '../sqlite/sqlite-faults.ts';
import {
  type OpenSqliteFile,
  openSqliteFile,
  readSqliteFile,
  type Statements,
} from '../sqlite/sqlite-file.ts';
import { createMemoryRegistry } from './memory-registry.ts';
import type { CleanupMark, Registry, SandboxRecord } from './registry.ts';
import { markRow, type RecordRow, recordOf, rowOf, rowsOf, type SQL, useRow } from './sqlite/record-rows.ts';
import { REGISTRY_FILE } from './sqlite/registry-schema.ts';

type Name = keyof typeof SQL;

export interface SqliteRegistryOptions {
  /** Made where it is not there, for this user alone; a directory of its own is best, for SQLite keeps more files beside it. */
  readonly file: string;
  /** Told, in one sentence for a person, what is wrong with the file, once for each time that it goes wrong. Default: nobody. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** How long others may keep a file busy before we do without it. */
const PATIENCE_MS = 10_000;
/** A file that could not be used is tried again after this. */
const RETRY_MS = 60_000;
/** How often in a row one that is damaged is replaced, or one that fails otherwise is opened again. */
const ATTEMPTS = 3;

/**
 * Remembers for all programs of this user, in an SQLite file that is opened with the first call. A file that is damaged is set aside, and one that cannot be used is done without:
 * `onWarning` hears of it, no call fails, and what is lost is found again by the labels of the sandboxes.
 */
export function createSqliteRegistry(options: SqliteRegistryOptions): Registry {
  return new SqliteRegistry(options);
}

interface Meanwhile {
  readonly memory: Registry;
  /** What could be read of the file: as far as it is unchanged, others may know better when it can be used again. */
  readonly read: ReadonlySet<SandboxRecord>;
  readonly until: number;
}

class SqliteRegistry implements Registry {
  readonly id: string;
  readonly #file: string;
  readonly #warn: (message: string) => void;
  #open: OpenSqliteFile<Name> | undefined;
  #suspect = false;
  /** What is remembered while the file cannot be used. */
  #meanwhile: Meanwhile | undefined;

  constructor({ file, onWarning = () => {} }: SqliteRegistryOptions) {
    this.id = idOf(file);
    this.#file = file;
    this.#warn = onWarning;
  }

  put(record: SandboxRecord): Promise<void> {
    return this.#do(
      ({ put }) => void put.run({ ...rowOf(record) }),
      (memory) => memory.put(record),
    );
  }

  get(name: string): Promise<SandboxRecord | undefined> {
    return this.#do(
      ({ get }) => {
        const row = get.get({ name }) as RecordRow | undefined;
        return row && recordOf(row);
      },
      (memory) => memory.get(name),
    );
  }

  list(): Promise<SandboxRecord[]> {
    return this.#do(allOf, (memory) => memory.list());
  }

  touch(name: string, at: Date, boot?: BootClock): Promise<void> {
    return this.#do(
      ({ touch }) => void touch.run({ name, ...useRow(at, boot) }),
      (memory) => memory.touch(name, at, boot),
    );
  }

  mark(name: string, mark: CleanupMark): Promise<void> {
    return this.#do(
      (statements) => void statements.mark.run({ name, ...markRow(mark) }),
      // Other programs cannot see uses while the file cannot be written: nothing may be removed for want of them.
      async () => {},
    );
  }

  condemn(name: string): Promise<void> {
    return this.#do(
      ({ condemn }) => void condemn.run({ name }),
      (memory) => memory.condemn(name),
    );
  }

  remove(name: string, instance?: string): Promise<void> {
    return this.#do(
      ({ remove }) => void remove.run({ name, instance: instance ?? null }),
      (memory) => memory.remove(name, instance),
    );
  }

  async close(): Promise<void> {
    this.#drop();
  }

  /** Does it in the file, however busy that is, or else in memory. */
  async #do<T>(
    work: (statements: Statements<Name>) => T,
    instead: (memory: Registry) => Promise<T>,
  ): Promise<T> {
    if (this.#meanwhile && performance.now() < this.#meanwhile.until) return instead(this.#meanwhile.memory);
    const end = performance.now() + PATIENCE_MS;
    let attempts = 0;
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
      const remembered = await changedIn(this.#meanwhile);
      try {
        // Without a pause in between: another call may close what this one has opened.
        return work(this.#statements(remembered));
      } catch (error) {
        const fault = this.#judge(error);
        if (fault !== 'busy') attempts += 1;
        const hopeless = fault === 'newer' || attempts >= ATTEMPTS || performance.now() > end;
        if (hopeless) return instead(this.#doWithout(error, fault));
      }
      // Not all at the same moment.
      await sleep(pauseMs * (0.5 + Math.random()));
    }
  }

  #statements(remembered: readonly SandboxRecord[]): Statements<Name> {
    if (this.#open && !this.#open.isCurrent()) this.#drop();
    this.#open ??= openSqliteFile(REGISTRY_FILE, {
      file: this.#file,
      suspect: this.#suspect,
      onSetAside: (place, reason) => this.#warn(setAside(place, reason)),
    });
    const { statements } = this.#open;
    for (const record of remembered) statements.put.run({ ...rowOf({ ...record, mark: undefined }) });
    this.#meanwhile = undefined;
    this.#suspect = false;
    return statements;
  }

  #judge(error: unknown): SqliteFault {
    const fault = faultOf(error) ?? (SandboxError.is(error) ? 'unusable' : undefined);
    if (fault === undefined) throw error;
    if (fault !== 'busy') this.#drop();
    this.#suspect ||= fault === 'damaged';
    return fault;
  }

  #doWithout(error: unknown, fault: SqliteFault): Registry {
    const until = performance.now() + RETRY_MS;
    if (this.#meanwhile === undefined) {
      this.#warn(withoutIt(this.#file, error, fault));
      const read = readable(this.#file);
      this.#meanwhile = { memory: createMemoryRegistry(read), read: new Set(read), until };
    } else this.#meanwhile = { ...this.#meanwhile, until };
    return this.#meanwhile.memory;
  }

  #drop(): void {
    const open = this.#open;
    this.#open = undefined;
    try {
      open?.close();
    } catch {
      // What cannot even be closed is of no use either.
    }
  }
}

/** A record never changes: another one takes its place. */
async function changedIn(meanwhile: Meanwhile | undefined): Promise<SandboxRecord[]> {
  const records = (await meanwhile?.memory.list()) ?? [];
  return records.filter((record) => !meanwhile?.read.has(record));
}

/** A registry that was lost is the same one when it is made again. */
function idOf(file: string): string {
  const { machineId } = readInstance();
  return createHash('sha256')
    .update([machineId, process.getuid?.(), resolve(file)].join(' '))
    .digest('hex')
    .slice(0, 16);
}

function allOf({ list }: Statements<Name>): SandboxRecord[] {
  return rowsOf(list).map(recordOf);
}

/** What can be read of a file that cannot be written. Nor can uses since a mark was set, so that none counts. */
function readable(file: string): SandboxRecord[] {
  try {
    const open = readSqliteFile(REGISTRY_FILE, file);
    try {
      return allOf(open.statements).map(({ mark: _, ...record }) => record);
    } finally {
      open.close();
    }
  } catch {
    return [];
  }
}

function setAside(place: string, reason: string): string {
  return `the registry of sandboxes was damaged (${reason}), and is now ${place}: sandboxes are found again by their labels, and count as used now`;
}

function withoutIt(file: string, error: unknown, fault: SqliteFault): string {
  const what = fault === 'busy' ? 'is kept busy by other programs' : `cannot be used: ${reasonOf(error)}`;
  const todo =
    fault === 'newer' ? 'Use the newer version' : 'Look at that file, its disk and its permissions';
  return `the registry of sandboxes ${file} ${what}. Sandboxes work, but when they were used is not remembered. ${todo}`;
}
