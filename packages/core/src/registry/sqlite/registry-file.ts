import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { nodeSqlite } from './node-sqlite.ts';
import { SQL } from './record-rows.ts';
import { APPLICATION_ID, MIGRATIONS } from './registry-schema.ts';
import { faultOf, RegistryFileError, reasonOf } from './sqlite-faults.ts';

/** SQLite blocks the whole program while it waits, so it waits shortly; who calls tries again. */
const BUSY_MS = 50;
/** What SQLite keeps beside a database. */
const COMPANIONS = ['-wal', '-shm', '-journal'];

export type Statements = Readonly<Record<keyof typeof SQL, StatementSync>>;

export interface OpenRegistryFile {
  readonly statements: Statements;
  /** Whether the path still leads to what is open: somebody may have removed or replaced the file. */
  isCurrent(): boolean;
  close(): void;
}

export interface RegistryFileOptions {
  readonly file: string;
  /** Told of a file that was set aside. */
  readonly onSetAside: (place: string, reason: string) => void;
  readonly migrations?: readonly string[] | undefined;
  /** Something was wrong with what is there: look at all of it. */
  readonly suspect?: boolean | undefined;
}

/** Opens a registry, and makes, migrates or replaces it first where that is needed. Throws what `faultOf` knows. */
export function openRegistryFile(options: RegistryFileOptions): OpenRegistryFile {
  const { file, migrations = MIGRATIONS, suspect = false } = options;
  const ready = !suspect && existsSync(file) ? attach(file, migrations) : undefined;
  return ready ?? withLock(file, () => prepare(options, migrations));
}

/** Opens a registry as it is, only to read it. */
export function readRegistryFile(file: string): OpenRegistryFile {
  const isOurs = (database: DatabaseSync) => pragma(database, 'application_id') === APPLICATION_ID;
  const connection = readable(file, isOurs);
  if (connection === undefined) throw new RegistryFileError('damaged', 'it is no registry of sandboxes');
  return connection;
}

function readable(file: string, right: (database: DatabaseSync) => boolean): OpenRegistryFile | undefined {
  try {
    return connect(file, right, { readOnly: true });
  } catch {
    // Where nothing at all can be written, SQLite has to be told that nobody else does either.
    const url = pathToFileURL(file);
    url.searchParams.set('immutable', '1');
    return connect(file, right, { readOnly: true, url });
  }
}

/** Undefined for a file that first has to be looked at more closely: only one program at a time does that. */
function attach(file: string, migrations: readonly string[]): OpenRegistryFile | undefined {
  try {
    return connect(file, (database) => versionOf(database, migrations) === migrations.length);
  } catch (error) {
    if (faultOf(error) === 'damaged') return undefined;
    throw error;
  }
}

/** Undefined, and closed again, where it is not `right`. */
function connect(
  file: string,
  right: (database: DatabaseSync) => boolean,
  { readOnly = false, url }: { readonly readOnly?: boolean; readonly url?: URL } = {},
): OpenRegistryFile | undefined {
  const identity = identityOf(file);
  const database = new (nodeSqlite().DatabaseSync)(url ?? file, { readOnly });
  let kept = false;
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    if (identity === undefined || identityOf(file) !== identity)
      throw new RegistryFileError('busy', 'it was replaced just now');
    if (!right(database)) return undefined;
    const connection = opened(file, database, identity);
    kept = true;
    return connection;
  } finally {
    if (!kept) database.close();
  }
}

function opened(file: string, database: DatabaseSync, identity: string): OpenRegistryFile {
  // With a write-ahead log this is safe for the file, and no write waits for the disk; what a power cut takes is found again by labels.
  database.exec('PRAGMA synchronous = NORMAL');
  const statements = Object.fromEntries(
    Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]),
  ) as Statements;
  return {
    statements,
    isCurrent: () => identityOf(file) === identity,
    close: () => database.close(),
  };
}

/** Under the lock, so that what is found wrong here is not just being mended by somebody else. */
function prepare(options: RegistryFileOptions, migrations: readonly string[]): OpenRegistryFile {
  const { file, onSetAside } = options;
  if (existsSync(file)) {
    try {
      return migrated(file, migrations);
    } catch (error) {
      if (faultOf(error) !== 'damaged') throw error;
      onSetAside(setAside(file), reasonOf(error));
    }
  }
  makeNew(file, migrations);
  return migrated(file, migrations);
}

/** Opens it with a look at every page, and brings it to this version. */
function migrated(file: string, migrations: readonly string[]): OpenRegistryFile {
  if (statSync(file).size === 0) throw new RegistryFileError('damaged', 'the file is empty');
  const connection = connect(file, (database) => {
    const { quick_check: verdict } = database.prepare('PRAGMA quick_check(1)').get() as {
      quick_check: string;
    };
    if (verdict !== 'ok') throw new RegistryFileError('damaged', verdict);
    const version = versionOf(database, migrations);
    if (version < migrations.length) migrate(database, migrations, version);
    return true;
  });
  return connection as OpenRegistryFile;
}

/** All of it or nothing. That it fails is no reason to give the file up. */
function migrate(database: DatabaseSync, migrations: readonly string[], from: number): void {
  try {
    database.exec('BEGIN IMMEDIATE');
    for (const sql of migrations.slice(from)) database.exec(sql);
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
    database.exec('COMMIT');
  } catch (error) {
    if (faultOf(error) !== 'damaged') throw error;
    throw new RegistryFileError(
      'unusable',
      `it cannot be brought to version ${migrations.length}: ${reasonOf(error)}`,
    );
  }
}

/** How many migrations the file has seen. */
function versionOf(database: DatabaseSync, migrations: readonly string[]): number {
  const application = pragma(database, 'application_id');
  const version = pragma(database, 'user_version');
  if (application !== APPLICATION_ID)
    throw new RegistryFileError('damaged', 'it is no registry of sandboxes');
  if (version > migrations.length)
    throw new RegistryFileError(
      'newer',
      `it is of version ${version}, and this program knows ${migrations.length}`,
    );
  return version;
}

function pragma(database: DatabaseSync, name: 'application_id' | 'user_version'): number {
  return (database.prepare(`PRAGMA ${name}`).get() as Record<string, number>)[name] ?? 0;
}

/** Made beside its place and then moved there whole: at its place is never half a registry, whenever we are killed. */
function makeNew(file: string, migrations: readonly string[]): void {
  const draft = join(dirname(file), 'draft.sqlite');
  remove(draft);
  const database = new (nodeSqlite().DatabaseSync)(draft);
  try {
    chmodSync(draft, 0o600);
    database.exec('PRAGMA journal_mode = WAL');
    migrate(database, migrations, 0);
  } finally {
    database.close();
  }
  // A log without its database, of a registry that was deleted, must not be taken for the new one's.
  for (const companion of COMPANIONS) rmSync(file + companion, { force: true });
  renameSync(draft, file);
}

function remove(file: string): void {
  for (const suffix of ['', ...COMPANIONS]) rmSync(file + suffix, { force: true });
}

function setAside(file: string): string {
  const place = `${file}.damaged-${new Date().toISOString().replaceAll(':', '-')}-${randomBytes(2).toString('hex')}`;
  for (const companion of COMPANIONS) {
    if (existsSync(file + companion)) renameSync(file + companion, place + companion);
  }
  renameSync(file, place);
  return place;
}

/** A lock that the kernel takes back however its holder ends: one on an empty database beside the registry. */
function withLock<T>(file: string, work: () => T): T {
  makeDirectory(dirname(file));
  const path = join(dirname(file), 'lock');
  writeFileSync(path, '', { flag: 'a', mode: 0o600 });
  const lock = new (nodeSqlite().DatabaseSync)(path);
  try {
    lock.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    take(lock, path);
    return work();
  } finally {
    lock.close();
  }
}

function take(lock: DatabaseSync, path: string): void {
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    if (faultOf(error) !== 'damaged') throw error;
    // Somebody has written to it.
    rmSync(path, { force: true });
    throw new RegistryFileError('busy', 'its lock was damaged');
  }
}

/** This user's alone, in directories that others may pass through: adapters keep beside it what guests have to reach. */
function makeDirectory(directory: string): void {
  const first = mkdirSync(directory, { recursive: true });
  if (first === undefined) return;
  for (let made = dirname(directory); made.length >= first.length; made = dirname(made))
    chmodSync(made, 0o711);
  chmodSync(directory, 0o700);
}

function identityOf(file: string): string | undefined {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.dev}:${stat.ino}`;
}
