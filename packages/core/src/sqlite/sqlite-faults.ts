/**
 * What stands against using the file. `busy`: another program has it just now. `damaged`: it is not one of ours, or not whole. `newer`: a later version's.
 * `unusable`: the disk is full, it may not be written, …
 */
export type SqliteFault = 'busy' | 'damaged' | 'newer' | 'unusable';

/** Found by ourselves, where SQLite sees nothing wrong. */
export class SqliteFileError extends Error {
  override readonly name = 'SqliteFileError';
  readonly fault: SqliteFault;

  constructor(fault: SqliteFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

// https://www.sqlite.org/rescode.html
const FAULTS: Readonly<Record<number, SqliteFault>> = {
  /** A table or a column is not there. */
  1: 'damaged',
  5: 'busy',
  6: 'busy',
  /** A page, or the file itself, is not what it should be. */
  11: 'damaged',
  26: 'damaged',
};

/** Undefined for what has nothing to do with the file: that is a mistake of ours. */
export function faultOf(error: unknown): SqliteFault | undefined {
  if (error instanceof SqliteFileError) return error.fault;
  const { code, errcode } = error as { code?: string; errcode?: number };
  if (code === 'ERR_SQLITE_ERROR' && errcode !== undefined) return FAULTS[errcode & 0xff] ?? 'unusable';
  // Of the file system: EROFS, ENOSPC, EACCES.
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) && !code.startsWith('ERR_')
    ? 'unusable'
    : undefined;
}

/** In words, for a person. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ');
}
