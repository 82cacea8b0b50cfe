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

const CHOSEN = `WITH chosen AS (
  SELECT CASE :by WHEN 'user' THEN user WHEN 'project' THEN project WHEN 'language' THEN language
    WHEN 'runtime' THEN runtime END AS key, *
  FROM executions WHERE started_at >= :since AND (:user IS NULL OR user = :user))`;

const percentile = (percent: number) =>
  `max(CASE WHEN rank = (count * ${percent} + 99) / 100 THEN duration_ms END) AS p${percent}`;

const READING = {
  totals: `${CHOSEN} SELECT key, count(*) AS executions,
      total(error_code IS NOT NULL OR ending IS 'lost') AS errors,
      total(ending IS NOT NULL AND ending != 'lost' AND exit_code IS NOT 0) AS failures,
      total(cpu_ms) AS cpu_ms, max(peak_memory_bytes) AS peak_memory_bytes,
      total(stdout_bytes) AS stdout_bytes, total(stderr_bytes) AS stderr_bytes
    FROM chosen GROUP BY key ORDER BY executions DESC, key`,
  outcomes: `${CHOSEN} SELECT key, coalesce(ending, error_code, 'started') AS outcome, count(*) AS count
    FROM chosen GROUP BY key, outcome ORDER BY count DESC, outcome`,
  /** Nearest rank. How long somebody sat at a terminal, or a lost one was waited for, is no duration of a command. */
  durations: `${CHOSEN}, ranked AS (
      SELECT key, duration_ms, row_number() OVER (PARTITION BY key ORDER BY duration_ms) AS rank,
        count(*) OVER (PARTITION BY key) AS count
      FROM chosen WHERE ending IS NOT NULL AND ending != 'lost' AND duration_ms IS NOT NULL AND terminal = 0)
    SELECT key, ${[50, 95, 99].map(percentile).join(', ')} FROM ranked GROUP BY key`,
} as const;

/** The same file, to look into. */
export const HISTORY_FILE: SqliteFileKind<keyof typeof READING> = {
  ...EXECUTIONS_FILE,
  sql: READING,
  busyMs: 250,
};
