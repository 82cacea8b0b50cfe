import type { SqliteFileKind } from '../../sqlite/sqlite-file.ts';
import { SQL } from './record-rows.ts';

const MIGRATIONS = [
  `CREATE TABLE sandboxes (
    name TEXT NOT NULL PRIMARY KEY,
    runtime TEXT NOT NULL,
    lifecycle TEXT NOT NULL CHECK (lifecycle IN ('ephemeral', 'long-lived')),
    workspace TEXT,
    user TEXT,
    trust TEXT,
    instance TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    last_used_boot TEXT,
    last_used_elapsed INTEGER,
    marked_at INTEGER,
    marked_boot TEXT,
    marked_elapsed INTEGER,
    condemned INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
];

/** `SBOX`. */
const APPLICATION_ID = 0x53424f58;

export const REGISTRY_FILE: SqliteFileKind<keyof typeof SQL> = {
  what: 'registry of sandboxes',
  applicationId: APPLICATION_ID,
  migrations: MIGRATIONS,
  sql: SQL,
  busyMs: 50,
};
