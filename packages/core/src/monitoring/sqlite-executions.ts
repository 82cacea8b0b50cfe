import { faultOf, reasonOf, type SqliteFault } from '../sqlite/sqlite-faults.ts';
import { type OpenSqliteFile, openSqliteFile, type Statements } from '../sqlite/sqlite-file.ts';
import type { Execution } from './execution.ts';
import { type ExecutionRow, rowOf } from './sqlite/execution-rows.ts';
import { EXECUTIONS_FILE } from './sqlite/executions-file.ts';

export interface SqliteExecutionsOptions {
  /** Made where it is not there, for this user alone, in a directory of its own. */
  readonly file: string;
  /** What began earlier is removed, bit by bit, as new ones are written. @default 30 */
  readonly retentionDays?: number | undefined;
  /** So many are kept at most, the newest. @default 1 000 000, some 160 MB */
  readonly mostRecords?: number | undefined;
  /** Told, in one sentence for a person, what is wrong with the file, once for each time that it goes wrong. Default: nobody. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** Records executions for all programs of this user: `createSandboxes({ onExecution: executions.record })`. */
export interface ExecutionStore {
  /** Never throws or rejects. Settles when it is written, or will not be soon. */
  readonly record: (execution: Execution) => Promise<void>;
  /** Writes what is left, and lets go of the file. */
  close(): Promise<void>;
}

type Name = keyof typeof EXECUTIONS_FILE.sql;

/** Between two writes: what comes meanwhile is written together. */
const EVERY_MS = 100;
/** How long those who wait for a write wait for a file that others keep busy. */
const PATIENCE_MS = 500;
/** Between two tries; while somebody waits for it, more often. */
const BUSY_PAUSE_MS = { least: 2, most: 25, later: 1_000 };
/** A file that could not be used is tried again after this. Until then executions are not recorded. */
const RETRY_MS = 60_000;
/** How many are kept in memory for a file that is busy. */
const MOST_WAITING = 10_000;
/** How often in a row a file that is damaged is replaced. */
const ATTEMPTS = 3;
/** Of what is too old or too much, with one write. */
const PART = 500;
const DAY_MS = 86_400_000;

/**
 * In an SQLite file that is opened with the first execution and may be shared by any number of programs. One that is damaged is set aside, and one that cannot be used is done without: `onWarning`
 * hears of it, and nothing fails or waits.
 */
export function createSqliteExecutions(options: SqliteExecutionsOptions): ExecutionStore {
  return new SqliteExecutions(options);
}

class SqliteExecutions implements ExecutionStore {
  readonly #path: string;
  readonly #retentionMs: number;
  readonly #mostRecords: number;
  readonly #onWarning: (message: string) => void;
  readonly #rows: ExecutionRow[] = [];
  /** Those who wait for them to be written. */
  readonly #waiting: (() => void)[] = [];
  #open: OpenSqliteFile<Name> | undefined;
  #suspect = false;
  #attempts = 0;
  #cancel: (() => void) | undefined;
  #lastWrite = Number.NEGATIVE_INFINITY;
  /** Nothing is recorded before this. */
  #notBefore = Number.NEGATIVE_INFINITY;
  #busy: { readonly since: number; pauseMs: number } | undefined;

  constructor({
    file,
    retentionDays = 30,
    mostRecords = 1_000_000,
    onWarning = () => {},
  }: SqliteExecutionsOptions) {
    this.#path = file;
    this.#retentionMs = retentionDays * DAY_MS;
    this.#mostRecords = mostRecords;
    this.#onWarning = onWarning;
  }

  readonly record = (execution: Execution): Promise<void> => {
    const now = performance.now();
    if (now < this.#notBefore || this.#rows.length >= MOST_WAITING) return Promise.resolve();
    this.#rows.push(rowOf(execution));
    // Those who come while it is busy for long have no reason to wait.
    if (this.#isBusyForLong(now)) return Promise.resolve();
    const written = new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#schedule(this.#lastWrite + EVERY_MS - now);
    return written;
  };

  async close(): Promise<void> {
    this.#unschedule();
    if (this.#rows.length > 0) {
      const written = new Promise<void>((resolve) => this.#waiting.push(resolve));
      this.#write();
      await written;
    }
    this.#unschedule();
    this.#drop();
  }

  /** One write is under way at most. It keeps the program alive only while somebody waits for it, which is not for long. */
  #schedule(waitMs: number): void {
    if (this.#cancel !== undefined) return;
    const write = () => {
      this.#cancel = undefined;
      this.#write();
    };
    if (waitMs <= 0) {
      const turn = setImmediate(write);
      this.#cancel = () => clearImmediate(turn);
    } else {
      const timer = setTimeout(write, waitMs);
      if (this.#waiting.length === 0) timer.unref();
      this.#cancel = () => clearTimeout(timer);
    }
  }

  #unschedule(): void {
    const cancel = this.#cancel;
    this.#cancel = undefined;
    cancel?.();
  }

  #write(): void {
    this.#lastWrite = performance.now();
    try {
      this.#file().transaction((statements) => this.#writeTo(statements));
      this.#rows.length = 0;
      this.#attempts = 0;
      this.#suspect = false;
      this.#busy = undefined;
      this.#settle();
    } catch (error) {
      this.#failed(error);
    }
  }

  #writeTo({ insert, expire, trim }: Statements<Name>): void {
    for (const row of this.#rows) insert.run(row);
    const part = this.#rows.length + PART;
    expire.run({ before: Date.now() - this.#retentionMs, part });
    trim.run({ most: this.#mostRecords, part });
  }

  #file(): OpenSqliteFile<Name> {
    if (this.#open && !this.#open.isCurrent()) this.#drop();
    this.#open ??= openSqliteFile(EXECUTIONS_FILE, {
      file: this.#path,
      suspect: this.#suspect,
      onSetAside: (place, reason) =>
        this.#warn(
          `the history of executions was damaged (${reason}), and is now ${place}: a new one begins`,
        ),
    });
    return this.#open;
  }

  /** Called from nowhere, so that nothing may be thrown: also what is a mistake of ours is only told. */
  #failed(error: unknown): void {
    const fault = faultOf(error) ?? 'unusable';
    if (fault === 'busy') {
      this.#waitForOthers();
      return;
    }
    this.#drop();
    this.#attempts += 1;
    this.#suspect = fault === 'damaged';
    if (this.#suspect && this.#attempts < ATTEMPTS) this.#schedule(0);
    else this.#doWithout(error, fault);
  }

  #doWithout(error: unknown, fault: SqliteFault): void {
    this.#attempts = 0;
    this.#rows.length = 0;
    this.#notBefore = performance.now() + RETRY_MS;
    this.#warn(withoutIt(this.#path, reasonOf(error), fault));
    this.#settle();
  }

  #waitForOthers(): void {
    const now = performance.now();
    this.#busy ??= { since: now, pauseMs: BUSY_PAUSE_MS.least };
    const isForLong = this.#isBusyForLong(now);
    if (isForLong && this.#waiting.length > 0) {
      this.#warn(withoutIt(this.#path, 'other programs keep it busy', 'busy'));
      this.#settle();
    }
    const pauseMs = isForLong ? BUSY_PAUSE_MS.later : this.#busy.pauseMs;
    this.#busy.pauseMs = Math.min(pauseMs * 2, BUSY_PAUSE_MS.most);
    // Not all at the same moment.
    this.#schedule(pauseMs * (0.5 + Math.random()));
  }

  #isBusyForLong(now: number): boolean {
    return this.#busy !== undefined && now - this.#busy.since > PATIENCE_MS;
  }

  #warn(message: string): void {
    try {
      this.#onWarning(message);
    } catch {
      // Nobody calls us who could be told.
    }
  }

  #settle(): void {
    for (const settle of this.#waiting.splice(0)) settle();
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

function withoutIt(file: string, reason: string, fault: SqliteFault): string {
  const todo =
    fault === 'newer' ? 'Use the newer version' : 'Look at that file, its disk and its permissions';
  return `the history of executions ${file} cannot be written: ${reason}. Commands work, but are not recorded. ${todo}`;
}
