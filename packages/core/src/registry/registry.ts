import type { BootClock } from '../naming/boot-clock.ts';
import type { Trust } from '../policy/policy.ts';

/** An automatic sweep found it idle; a later one removes it, once a day has passed by both clocks. */
export interface CleanupMark {
  readonly at: Date;
  readonly boot: BootClock;
}

export interface SandboxRecord {
  readonly name: string;
  readonly runtime: string;
  readonly lifecycle: 'ephemeral' | 'long-lived';
  readonly workspace: string | null;
  readonly user: string | null;
  readonly trust: Trust | null;
  /** Who made it: see `judgeInstance`. */
  readonly instance: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  /** The same moment by the clock that nobody can set; absent where it was not read. */
  readonly lastUsedBoot?: BootClock | undefined;
  readonly mark?: CleanupMark | undefined;
  /** It is being removed, with its volumes: where that was not finished, whoever cleans up goes on with it. */
  readonly condemned?: true | undefined;
}

/**
 * What runtimes cannot remember for us, above all when a sandbox was last used. What is about to be made is recorded before it is made. Calls about names that
 * are not there do nothing. Calls at the same time, of any number of programs, leave what the calls one after the other would.
 */
export interface Registry {
  /**
   * The same for as long as it is the same place. Put on what is made, as a label: whoever keeps another registry, or none, cannot tell when that is used. Absent: it is no place that others could
   * know.
   */
  readonly id?: string | undefined;
  /** Records a sandbox, over what was known under its name; but of two times of last use the later stays. */
  put(record: SandboxRecord): Promise<void>;
  get(name: string): Promise<SandboxRecord | undefined>;
  list(): Promise<SandboxRecord[]>;
  /**
   * Used at this time: by the wall clock the later one stays, and always one after its making, by the boot clock the newer boot's. Neither marked for cleanup nor condemned any more, also
   * where the wall clock was set back.
   */
  touch(name: string, at: Date, boot?: BootClock): Promise<void>;
  /** Marks it for cleanup. */
  mark(name: string, mark: CleanupMark): Promise<void>;
  /** Before its removal, with its volumes, is begun. */
  condemn(name: string): Promise<void>;
  /** With an instance: only the record that this program has made, and not that of another one which makes it again. */
  remove(name: string, instance?: string): Promise<void>;
  close(): Promise<void>;
}
