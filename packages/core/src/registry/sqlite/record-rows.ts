import type { StatementSync } from 'node:sqlite';
import type { BootClock } from '../../naming/boot-clock.ts';
import { TRUST_LEVELS, type Trust } from '../../policy/policy.ts';
import { SqliteFileError } from '../../sqlite/sqlite-faults.ts';
import type { SandboxRecord } from '../registry.ts';

/** A record as the table has it. Times are milliseconds. */
export interface RecordRow {
  readonly name: string;
  readonly runtime: string;
  readonly lifecycle: string;
  readonly workspace: string | null;
  readonly user: string | null;
  readonly trust: string | null;
  readonly instance: string;
  readonly created_at: number;
  readonly last_used_at: number;
  readonly last_used_boot: string | null;
  readonly last_used_elapsed: number | null;
  readonly marked_at: number | null;
  readonly marked_boot: string | null;
  readonly marked_elapsed: number | null;
  readonly condemned: number;
}

const COLUMNS = [
  ...['name', 'runtime', 'lifecycle', 'workspace', 'user', 'trust', 'instance', 'created_at', 'last_used_at'],
  ...['last_used_boot', 'last_used_elapsed', 'marked_at', 'marked_boot', 'marked_elapsed', 'condemned'],
] as const;

/** Of two times of last use the later stays: what `laterUse` says, in one statement. On the right are the values before it. */
const laterUse = (at: string) => `
  last_used_at = max(last_used_at, ${at}),
  last_used_elapsed = CASE
    WHEN :last_used_boot IS NULL THEN last_used_elapsed
    WHEN last_used_boot IS :last_used_boot THEN max(last_used_elapsed, :last_used_elapsed)
    ELSE :last_used_elapsed END,
  last_used_boot = coalesce(:last_used_boot, last_used_boot)`;

const REPLACED = COLUMNS.filter((column) => column !== 'name' && !column.startsWith('last_used'));

export const SQL = {
  put: `INSERT INTO sandboxes (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map((column) => `:${column}`).join(', ')})
    ON CONFLICT (name) DO UPDATE SET ${REPLACED.map((column) => `${column} = :${column}`).join(', ')}, ${laterUse(':last_used_at')}`,
  get: `SELECT ${COLUMNS.join(', ')} FROM sandboxes WHERE name = :name`,
  list: `SELECT ${COLUMNS.join(', ')} FROM sandboxes`,
  touch: `UPDATE sandboxes SET ${laterUse(':last_used_at, created_at + 1')}, marked_at = NULL, marked_boot = NULL, marked_elapsed = NULL,
    condemned = 0 WHERE name = :name`,
  mark: `UPDATE sandboxes SET marked_at = :marked_at, marked_boot = :marked_boot, marked_elapsed = :marked_elapsed WHERE name = :name`,
  condemn: `UPDATE sandboxes SET condemned = 1 WHERE name = :name`,
  remove: `DELETE FROM sandboxes WHERE name = :name AND instance = coalesce(:instance, instance)`,
} as const;

/** All rows that a statement with these columns gives. As arrays they take half the time, where this version of Node has them. */
export function rowsOf(statement: Pick<StatementSync, 'all'> & Partial<StatementSync>): RecordRow[] {
  if (statement.setReturnArrays === undefined) return statement.all() as unknown as RecordRow[];
  statement.setReturnArrays(true);
  return (statement.all() as unknown as unknown[][]).map(rowOfValues);
}

/** In the order of `COLUMNS`; written out, as a loop over them would take that time again. */
function rowOfValues(values: readonly unknown[]): RecordRow {
  return {
    name: values[0],
    runtime: values[1],
    lifecycle: values[2],
    workspace: values[3],
    user: values[4],
    trust: values[5],
    instance: values[6],
    created_at: values[7],
    last_used_at: values[8],
    last_used_boot: values[9],
    last_used_elapsed: values[10],
    marked_at: values[11],
    marked_boot: values[12],
    marked_elapsed: values[13],
    condemned: values[14],
  } satisfies Record<keyof RecordRow, unknown> as RecordRow;
}

export function rowOf(record: SandboxRecord): RecordRow {
  const { name, runtime, lifecycle, workspace, user, trust, instance, createdAt, lastUsedAt } = record;
  return {
    ...{ name, runtime, lifecycle, workspace, user, trust, instance },
    created_at: createdAt.getTime(),
    ...useRow(lastUsedAt, record.lastUsedBoot),
    ...markRow(record.mark),
    condemned: record.condemned ? 1 : 0,
  };
}

export function useRow(at: Date, boot: BootClock | undefined) {
  return {
    last_used_at: at.getTime(),
    last_used_boot: boot?.bootId ?? null,
    last_used_elapsed: boot === undefined ? null : Math.round(boot.elapsedMs),
  };
}

export function markRow(mark: SandboxRecord['mark']) {
  return {
    marked_at: mark?.at.getTime() ?? null,
    marked_boot: mark?.boot.bootId ?? null,
    marked_elapsed: mark === undefined ? null : Math.round(mark.boot.elapsedMs),
  };
}

/** Written without spreading and destructuring, which take ten times as long on a row: a list has thousands. */
export function recordOf(row: RecordRow): SandboxRecord {
  checkRow(row);
  const record: Writable<SandboxRecord> = {
    name: row.name,
    runtime: row.runtime,
    lifecycle: row.lifecycle === 'ephemeral' ? 'ephemeral' : 'long-lived',
    workspace: row.workspace,
    user: row.user,
    trust: TRUSTS.get(row.trust) ?? null,
    instance: row.instance,
    createdAt: new Date(row.created_at),
    lastUsedAt: new Date(row.last_used_at),
  };
  const lastUsedBoot = bootOf(row.last_used_boot, row.last_used_elapsed);
  if (lastUsedBoot !== undefined) record.lastUsedBoot = lastUsedBoot;
  const boot = bootOf(row.marked_boot, row.marked_elapsed);
  if (row.marked_at !== null && boot !== undefined) record.mark = { at: new Date(row.marked_at), boot };
  if (row.condemned === 1) record.condemned = true;
  return record;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };
const TRUSTS: ReadonlyMap<string | null, Trust> = new Map(TRUST_LEVELS.map((level) => [level, level]));

/** Where a piece of the file was lost, SQLite may read zeros in its place and see nothing wrong. */
function checkRow(row: RecordRow): void {
  const texts = row.name && typeof row.runtime === 'string' && typeof row.instance === 'string';
  if (texts && Number.isSafeInteger(row.created_at) && Number.isSafeInteger(row.last_used_at)) return;
  throw new SqliteFileError('damaged', 'a row of it is not whole');
}

function bootOf(bootId: string | null, elapsedMs: number | null): BootClock | undefined {
  return bootId === null || elapsedMs === null ? undefined : { bootId, elapsedMs };
}
