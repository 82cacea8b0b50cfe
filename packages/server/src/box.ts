import type { CodeWarning } from '@sandbox/code-checks';
import type { EnforcementReport, Purpose, Sandbox, SandboxState } from '@sandbox/core';
import type { Language } from '@sandbox/languages';
import { withCodeWarnings } from './code-warnings.ts';
import type { Result, SandboxView, StoredFile } from './schemas.ts';

/** What a sandbox of the service is made with. */
export interface BoxFacts {
  readonly user: string;
  /** Null for one that is there since before, and does not say. */
  readonly language: Language | null;
  readonly sandbox: Sandbox;
  readonly createdAt: Date;
  readonly code?: string | undefined;
  /** What was found in it. */
  readonly codeWarnings?: readonly CodeWarning[] | undefined;
  readonly files?: readonly StoredFile[] | undefined;
  /** Real path of the directory of this machine that it has, where it has one. */
  readonly workspace?: string | undefined;
  readonly project?: string | undefined;
  readonly task?: string | undefined;
  /** For more than one execution. */
  readonly keep: boolean;
  /** From its creation on; undefined: as long as it is used. */
  readonly keepMs?: number | undefined;
  /** Only its home was there: once it is made again, it takes another handle to run something in it. */
  readonly missing?: boolean | undefined;
  /** Called when it is gone. */
  readonly release: () => void;
}

/** A sandbox that the service looks after. */
export class Box {
  #facts: BoxFacts;
  readonly files = new Map<string, StoredFile>();
  /** What is under way in it, by what ends it. */
  readonly running = new Map<AbortController, Promise<unknown>>();
  lastUsedAt: number;
  lastResult: Result | null = null;
  timer: NodeJS.Timeout | undefined;
  /** There from the moment on at which it is to go. */
  removing: Promise<void> | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(facts: BoxFacts) {
    this.#facts = facts;
    this.lastUsedAt = facts.createdAt.getTime();
    this.stored(facts.files ?? []);
  }

  get facts(): BoxFacts {
    return this.#facts;
  }

  get id(): string {
    return this.facts.sandbox.name;
  }

  get ephemeral(): boolean {
    return this.facts.sandbox.lifecycle === 'ephemeral';
  }

  /** Of all that is run in it. */
  get purpose(): Purpose {
    const { language, project, task } = this.facts;
    return { language: language?.id, project, task };
  }

  /** Whether it outlives an execution. */
  get kept(): boolean {
    return !this.ephemeral || this.facts.keep;
  }

  /** It was asked for again: from now on its code is that of the last request. */
  askedAgain({ facts, files }: Box): void {
    const { language, code, codeWarnings } = facts;
    this.#facts = { ...this.#facts, language, code, codeWarnings };
    this.stored([...files.values()]);
  }

  stored(files: readonly StoredFile[]): void {
    for (const file of files) this.files.set(file.path, file);
  }

  /** A file that was removed, or a directory with all that is in it. */
  forget(path: string): void {
    for (const known of this.files.keys())
      if (known === path || known.startsWith(`${path}/`)) this.files.delete(known);
  }

  /** When it goes, if nothing more happens; null: not by itself. In milliseconds since the epoch. */
  expiresAt(idleTtlMs: number): number | null {
    if (!this.ephemeral) return null;
    const { keepMs = Number.POSITIVE_INFINITY, createdAt } = this.facts;
    return Math.min(this.lastUsedAt + idleTtlMs, createdAt.getTime() + keepMs);
  }

  /** Snippets all have the same name: one after the other. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => {});
    return mine;
  }

  view(state: SandboxState, idleTtlMs: number): SandboxView {
    const { sandbox, language, user, createdAt, project, task, codeWarnings = [] } = this.facts;
    const expiresAt = this.expiresAt(idleTtlMs);
    const view = {
      id: this.id,
      name: sandbox.name,
      runtime: language?.id ?? 'unknown',
      adapter: sandbox.runtime,
      state,
      lifecycle: sandbox.lifecycle,
      user,
      createdAt: createdAt.toISOString(),
      expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
      files: [...this.files.values()],
      limits: { ...limitsOf(sandbox.enforcement), timeoutMs: sandbox.timeoutMs },
      enforcement: sandbox.enforcement as SandboxView['enforcement'],
      warnings: [...sandbox.warnings],
      project: project ?? null,
      task: task ?? null,
    };
    return withCodeWarnings(view, codeWarnings);
  }
}

/** What holds, as numbers. */
export function limitsOf(enforcement: EnforcementReport): Omit<SandboxView['limits'], 'timeoutMs'> {
  const effective = (control: keyof EnforcementReport): number | null => {
    const value = enforcement[control]?.effective;
    return typeof value === 'number' ? value : null;
  };
  return {
    memoryBytes: effective('memory'),
    cpus: effective('cpus'),
    pids: effective('pids'),
    openFiles: effective('open-files'),
    fileSizeBytes: effective('file-size'),
    diskBytes: effective('disk'),
    tmpfsBytes: effective('tmpfs-size'),
  };
}
