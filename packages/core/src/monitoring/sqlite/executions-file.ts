import type { SqliteFileKind } from '../../sqlite/sqlite-file.ts';

const COLUMNS = [
  ...['operation', 'started_at', 'duration_ms', 'user', 'project', 'task', 'language', 'runtime', 'sandbox'],
  ...['lifecycle', 'terminal', 'ending', 'error_code', 'exit_code', 'cpu_ms', 'peak_memory_bytes'],
  ...['stdout_bytes', 'stderr_bytes', 'argv', 'env'],
] as const;

const WRITING = {
  insert: `INSERT INTO executions (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map((column) => `:${column}`).join(', ')})`,
  // A part at a time: a write is to be short, however much has become old.
  expire: `DELETE FROM executions WHERE id IN
    (SELECT id FROM executions WHERE started_at < :before ORDER BY started_at LIMIT :part)`,
  trim: `DELETE FROM executions WHERE id IN
    (SELECT id FROM executions WHERE id <= (SELECT max(id) FROM executions) - :most ORDER BY id LIMIT :part)`,
} as const;

/** Written to by all programs of a user. Nobody waits for another inside of SQLite, where the whole program would. */
export const EXECUTIONS_FILE: SqliteFileKind<keyof typeof WRITING> = {
  what: 'history of executions',
  /** `SBEX`. */
  applicationId: 0x53424558,
  migrations: [
    `CREATE TABLE executions (
      id INTEGER PRIMARY KEY,
      operation TEXT NOT NULL,
      started_at INTEGER NOT NULL,
      duration_ms REAL,
      user TEXT,
      project TEXT,
      task TEXT,
      language TEXT,
      runtime TEXT,
      sandbox TEXT,
      lifecycle TEXT,
      terminal INTEGER NOT NULL,
      ending TEXT,
      error_code TEXT,
      exit_code INTEGER,
      cpu_ms REAL,
      peak_memory_bytes INTEGER,
      stdout_bytes INTEGER,
      stderr_bytes INTEGER,
      argv TEXT,
      env TEXT
    ) STRICT;
    CREATE INDEX executions_started_at ON executions (started_at)`,
  ],
  sql: WRITING,
  busyMs: 0,
};

const READING = {
  /**
   * Gives each that was chosen to `take`, unsorted: to group them here would be to sort them, and to return them as rows takes several times as long too. CASE, as the terms of an AND may be looked at
   * in any order.
   */
  look: `SELECT NULL FROM executions WHERE started_at >= :since
    AND CASE WHEN started_at >= :since AND (:user IS NULL OR user = :user) THEN take(
      CASE :by WHEN 'user' THEN user WHEN 'project' THEN project WHEN 'language' THEN language WHEN 'runtime' THEN runtime END,
      ending, error_code, exit_code IS NOT 0, CASE WHEN terminal = 0 THEN duration_ms END, cpu_ms, peak_memory_bytes, stdout_bytes, stderr_bytes
    ) END`,
} as const;

/** Told of one execution. */
export type TakeExecution = (
  key: string | null,
  ending: string | null,
  errorCode: string | null,
  /** 1 for any exit code but 0, and for none. */
  hasFailed: number,
  /** Null for those with a terminal. */
  durationMs: number | null,
  cpuMs: number | null,
  peakMemoryBytes: number | null,
  stdoutBytes: number | null,
  stderrBytes: number | null,
) => void;

/** Node lets go of what it gave to a function with the next row only: so many for one. */
const MOST_BETWEEN_ROWS = 1_000;

/** The same file, to look into: all rows of `look` are to be taken from it, and are empty. */
export function historyFile(take: TakeExecution): SqliteFileKind<keyof typeof READING> {
  let taken = 0;
  const counted = (...values: Parameters<TakeExecution>) => {
    take(...values);
    taken += 1;
    return taken % MOST_BETWEEN_ROWS === 0 ? 1 : 0;
  };
  return { ...EXECUTIONS_FILE, sql: READING, functions: { take: counted }, busyMs: 250 };
}
