import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { lockFile } from './file-lock.ts';
import { nodeSqlite } from './node-sqlite.ts';
import { faultOf, reasonOf, SqliteFileError } from './sqlite-faults.ts';

/** What SQLite keeps beside a database. */
const COMPANIONS = ['-wal', '-shm', '-journal'];

export type Statements<Name extends string> = Readonly<Record<Name, StatementSync>>;

/** What files of one kind have in common. */
export interface SqliteFileKind<Name extends string> {
  /** In words: `registry of sandboxes`. */
  readonly what: string;
  /** Tells them from the files of other programs. */
  readonly applicationId: number;
  /**
   * What each version adds to the one before; a file's `user_version` is how many of them it has seen. A published one never changes, and new ones only add (columns that may be null, tables), so
   * that nothing is lost on the way up. A file of a newer version is left alone by programs that do not know it.
   */
  readonly migrations: readonly string[];
  /** What is done with one. */
  readonly sql: Readonly<Record<Name, string>>;
  /** What `sql` calls, by the names in it. */
  readonly functions?: Readonly<Record<string, (...values: never[]) => number>> | undefined;
  /** How long SQLite waits for others, and with it the whole program; who calls tries again. */
  readonly busyMs: number;
}

export interface OpenSqliteFile<Name extends string> {
  readonly statements: Statements<Name>;
  /** All of it or nothing, and one write for all. */
  transaction(work: (statements: Statements<Name>) => void): void;
  /** Whether the path still leads to what is open: somebody may have removed or replaced the file. */
  isCurrent(): boolean;
  close(): void;
}

export interface SqliteFileOptions {
  readonly file: string;
  /** Told of a file that was set aside. */
  readonly onSetAside: (place: string, reason: string) => void;
  /** Something was wrong with what is there: look at all of it. */
  readonly suspect?: boolean | undefined;
}

/** Opens a file, and makes, migrates or replaces it first where that is needed. Throws what `faultOf` knows. */
export function openSqliteFile<Name extends string>(
  kind: SqliteFileKind<Name>,
  options: SqliteFileOptions,
): OpenSqliteFile<Name> {
  const { file, suspect = false } = options;
  const ready = !suspect && existsSync(file) ? attach(kind, file) : undefined;
  return ready ?? withLock(kind, file, () => prepare(kind, options));
}

/** Opens a file as it is, only to read it. */
export function readSqliteFile<Name extends string>(
  kind: SqliteFileKind<Name>,
  file: string,
): OpenSqliteFile<Name> {
  const isOurs = (database: DatabaseSync) => pragma(database, 'application_id') === kind.applicationId;
  const connection = readable(kind, file, isOurs);
  if (connection === undefined) throw new SqliteFileError('damaged', `it is no ${kind.what}`);
  return connection;
}

function readable<Name extends string>(
  kind: SqliteFileKind<Name>,
  file: string,
  right: (database: DatabaseSync) => boolean,
): OpenSqliteFile<Name> | undefined {
  try {
    return connect(kind, file, right, { readOnly: true });
  } catch (error) {
    // What others have at this moment must not be read past them, without what they wrote last.
    if (faultOf(error) === 'busy') throw error;
    // Where nothing at all can be written, SQLite has to be told that nobody else does either.
    const url = pathToFileURL(file);
    url.searchParams.set('immutable', '1');
    return connect(kind, file, right, { readOnly: true, url });
  }
}

/** Undefined for a file that first has to be looked at more closely: only one program at a time does that. */
function attach<Name extends string>(
  kind: SqliteFileKind<Name>,
  file: string,
): OpenSqliteFile<Name> | undefined {
  try {
    return connect(kind, file, (database) => versionOf(kind, database) === kind.migrations.length);
  } catch (error) {
    if (faultOf(error) === 'damaged') return undefined;
    throw error;
  }
}

/** Undefined, and closed again, where it is not `right`. */
function connect<Name extends string>(
  kind: SqliteFileKind<Name>,
  file: string,
  right: (database: DatabaseSync) => boolean,
  { readOnly = false, url }: { readonly readOnly?: boolean; readonly url?: URL } = {},
): OpenSqliteFile<Name> | undefined {
  const identity = identityOf(file);
  const database = new (nodeSqlite().DatabaseSync)(url ?? file, { readOnly });
  let kept = false;
  try {
    database.exec(`PRAGMA busy_timeout = ${kind.busyMs}`);
    if (identity === undefined || identityOf(file) !== identity)
      throw new SqliteFileError('busy', 'it was replaced just now');
    if (!right(database)) return undefined;
    const connection = opened(kind, file, database, identity);
    kept = true;
    return connection;
  } finally {
    if (!kept) database.close();
  }
}

function opened<Name extends string>(
  { sql, functions = {} }: SqliteFileKind<Name>,
  file: string,
  database: DatabaseSync,
  identity: string,
): OpenSqliteFile<Name> {
  // With a write-ahead log this is safe for the file, and no write waits for the disk; a power cut may take the last ones.
  database.exec('PRAGMA synchronous = NORMAL');
  for (const [name, work] of Object.entries(functions))
    database.function(name, { varargs: true }, work as (...values: unknown[]) => number);
  const statements = Object.fromEntries(
    Object.entries<string>(sql).map(([name, text]) => [name, database.prepare(text)]),
  ) as Statements<Name>;
  return {
    statements,
    transaction(work) {
      database.exec('BEGIN IMMEDIATE');
      try {
        work(statements);
        database.exec('COMMIT');
      } catch (error) {
        rollBack(database);
        throw error;
      }
    },
    isCurrent: () => identityOf(file) === identity,
    close: () => database.close(),
  };
}

/** SQLite has done so itself after some errors, and then has nothing to roll back. */
function rollBack(database: DatabaseSync): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // The first error says why.
  }
}

/** Under the lock, so that what is found wrong here is not just being mended by somebody else. */
function prepare<Name extends string>(
  kind: SqliteFileKind<Name>,
  { file, onSetAside }: SqliteFileOptions,
): OpenSqliteFile<Name> {
  if (existsSync(file)) {
    try {
      return migrated(kind, file);
    } catch (error) {
      if (faultOf(error) !== 'damaged') throw error;
      onSetAside(setAside(file), reasonOf(error));
    }
  }
  makeNew(kind, file);
  return migrated(kind, file);
}

/** Opens it with a look at every page, and brings it to this version. */
function migrated<Name extends string>(kind: SqliteFileKind<Name>, file: string): OpenSqliteFile<Name> {
  if (statSync(file).size === 0) throw new SqliteFileError('damaged', 'the file is empty');
  const connection = connect(kind, file, (database) => {
    const { quick_check: verdict } = database.prepare('PRAGMA quick_check(1)').get() as {
      quick_check: string;
    };
    if (verdict !== 'ok') throw new SqliteFileError('damaged', verdict);
    const version = versionOf(kind, database);
    if (version < kind.migrations.length) migrate(kind, database, version);
    return true;
  });
  return connection as OpenSqliteFile<Name>;
}

/** All of it or nothing. That it fails is no reason to give the file up. */
function migrate(
  { migrations, applicationId }: SqliteFileKind<string>,
  database: DatabaseSync,
  from: number,
): void {
  try {
    database.exec('BEGIN IMMEDIATE');
    for (const sql of migrations.slice(from)) database.exec(sql);
    database.exec(`PRAGMA application_id = ${applicationId}`);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
    database.exec('COMMIT');
  } catch (error) {
    if (faultOf(error) !== 'damaged') throw error;
    throw new SqliteFileError(
      'unusable',
      `it cannot be brought to version ${migrations.length}: ${reasonOf(error)}`,
    );
  }
}

/** How many migrations the file has seen. */
function versionOf(
  { what, applicationId, migrations }: SqliteFileKind<string>,
  database: DatabaseSync,
): number {
  const application = pragma(database, 'application_id');
  const version = pragma(database, 'user_version');
  if (application !== applicationId) throw new SqliteFileError('damaged', `it is no ${what}`);
  if (version > migrations.length)
    throw new SqliteFileError(
      'newer',
      `it is of version ${version}, and this program knows ${migrations.length}`,
    );
  return version;
}

function pragma(database: DatabaseSync, name: 'application_id' | 'user_version'): number {
  return (database.prepare(`PRAGMA ${name}`).get() as Record<string, number>)[name] ?? 0;
}

/** Made beside its place and then moved there whole: at its place is never half a file, whenever we are killed. */
function makeNew(kind: SqliteFileKind<string>, file: string): void {
  const draft = join(dirname(file), 'draft.sqlite');
  remove(draft);
  const database = new (nodeSqlite().DatabaseSync)(draft);
  try {
    chmodSync(draft, 0o600);
    database.exec('PRAGMA journal_mode = WAL');
    migrate(kind, database, 0);
  } finally {
    database.close();
  }
  // A log without its database, of a file that was deleted, must not be taken for the new one's.
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

function withLock<T>({ busyMs }: SqliteFileKind<string>, file: string, work: () => T): T {
  makeDirectory(dirname(file));
  const release = lockFile(join(dirname(file), 'lock'), { busyMs });
  if (release === undefined) throw new SqliteFileError('busy', 'another program prepares it');
  try {
    return work();
  } finally {
    release();
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
