/** `SBOX`: tells our files from those of other programs. */
export const APPLICATION_ID = 0x53424f58;

/**
 * What each version adds to the one before; a file's `user_version` is how many of them it has seen. A published one never changes, and new ones only add (columns that may be null, tables), so
 * that nothing is lost on the way up. A file of a newer version is left alone by programs that do not know it.
 */
export const MIGRATIONS: readonly string[] = [
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
