import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { homeDirectory, lookupProcess, readBootId, type SandboxSpec, type SandboxState } from '@sandbox/core';
import { listed, makePrivate, makeSearchable, readJson, removeTree, writeJson } from './directories.ts';
import type { IdPlan } from './ids.ts';
import { isAbandoned, judgeOwner, ownInstance, temporaryName } from './temporary-name.ts';

/** What is known of a sandbox; written before anything else of it is made. */
export interface SandboxRecord {
  /** Of its cgroup and its range of ids: no other sandbox has it, also not a later one of the same name. */
  readonly id: string;
  readonly spec: Omit<SandboxSpec, 'agent'> & { readonly agent: { readonly digest: string } };
  readonly createdAt: string;
  readonly ids: IdPlan;
}

/** A jail: the process that made it, told from later processes with its number, and the program that started that. */
export interface JailProcess {
  readonly pid: number;
  readonly startTime: string;
  /** As `formatInstance` has it. An earlier version wrote number and start time alone. */
  readonly owner: string | { readonly pid: number; readonly startTime: string };
}

/** Whether its numbers mean the same processes to us. */
export function isNear({ owner }: Pick<JailProcess, 'owner'>): boolean {
  return typeof owner !== 'string' || judgeOwner(owner) !== 'unknown';
}

/** Whether the program that started it is proved to have ended. */
export function isOrphan({ owner }: Pick<JailProcess, 'owner'>): boolean {
  if (typeof owner === 'string') return judgeOwner(owner) === 'dead';
  return lookupProcess(owner.pid) !== owner.startTime;
}

function mayRun(jail: JailProcess): boolean {
  return !isNear(jail) || lookupProcess(jail.pid) === jail.startTime;
}

interface StateMark {
  readonly state: 'running' | 'stopped';
  readonly bootId: string;
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/;

/** Where a runtime's state is when no option says so. */
export function defaultStateDirectory(runtime: string, env: NodeJS.ProcessEnv, isRoot: boolean): string {
  if (env.SANDBOX_STATE_DIR) return join(env.SANDBOX_STATE_DIR, runtime);
  // Root's own directories cannot be searched by a jail's ids.
  if (isRoot) return join('/var/lib/sandbox', runtime);
  const state = env.XDG_STATE_HOME;
  return join(state && isAbsolute(state) ? state : join(homeDirectory(), '.local/state'), 'sandbox', runtime);
}

/**
 * The directory of all sandboxes. What guests write lies in directories that only its owner may enter; agents and what is the same for all, anybody may reach.
 *
 *     agents/<digest>/agent                  mode 0111
 *     sandboxes/<name>/sandbox.json          the record
 *     sandboxes/<name>/state.json            once it was started
 *     sandboxes/<name>/processes/<pid>       its jails
 *     sandboxes/<name>/root/<directory>      what it keeps of a writable root
 *     volumes/<name>/{volume.json,data}
 *     etc/<uid>-<gid>-<digest>, empty/<directory>   read-only parts of the host's root, for all
 *     damaged-<name>-<random>                what was found under a name without a record that can be read
 */
export class StateDirectory {
  readonly directory: string;
  /** Begins the ids of this state directory's sandboxes. */
  readonly key: string;

  constructor(directory: string) {
    this.directory = directory;
    this.key = createHash('sha256').update(directory).digest('hex').slice(0, 8);
  }

  path(name: string, ...parts: string[]): string {
    return join(this.directory, 'sandboxes', name, ...parts);
  }

  newId(name: string): string {
    return `${this.key}-${randomBytes(4).toString('hex')}-${name}`;
  }

  /** False when the name is taken. */
  add(record: SandboxRecord, fill: (draft: string) => void): boolean {
    makePrivate(join(this.directory, 'sandboxes'));
    const draft = this.#aside('draft');
    try {
      makePrivate(draft);
      mkdirSync(join(draft, 'processes'), { mode: 0o700 });
      writeJson(join(draft, 'sandbox.json'), record, { flush: record.spec.lifecycle === 'long-lived' });
      fill(draft);
      renameSync(draft, this.path(record.spec.name));
      return true;
    } catch (error) {
      rmSync(draft, { recursive: true, force: true });
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
      throw error;
    }
  }

  /** None for what another version wrote, or what is damaged: that must not hide the others. */
  read(name: string): SandboxRecord | undefined {
    const record = NAME.test(name) ? readJson<SandboxRecord>(this.path(name, 'sandbox.json')) : undefined;
    return record?.id === undefined ? undefined : record;
  }

  /** Whether there is something under this name of which nobody knows what it is: after a loss of power a record may be empty. */
  isDamaged(name: string): boolean {
    return NAME.test(name) && existsSync(this.path(name)) && this.read(name) === undefined;
  }

  /** Frees the name of a damaged sandbox or volume, and loses nothing of it. */
  setAside(kind: 'sandboxes' | 'volumes', name: string): void {
    const aside = join(this.directory, `damaged-${name}-${randomBytes(4).toString('hex')}`);
    try {
      renameSync(join(this.directory, kind, name), aside);
      chmodSync(aside, 0o700);
    } catch (error) {
      // Another was first.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  names(): string[] {
    return listed(join(this.directory, 'sandboxes'));
  }

  stateOf(name: string): SandboxState {
    const mark = readJson<StateMark>(this.path(name, 'state.json'));
    if (mark === undefined) return 'created';
    return mark.state === 'running' && mark.bootId === readBootId() ? 'running' : 'stopped';
  }

  /** Nothing where the sandbox is gone. */
  mark(name: string, state: StateMark['state']): void {
    try {
      writeJson(this.path(name, 'state.json'), { state, bootId: readBootId() } satisfies StateMark);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  addProcess(name: string, pid: number): void {
    const jail: JailProcess = { pid, startTime: lookupProcess(pid) ?? '', owner: ownInstance() };
    writeFileSync(this.path(name, 'processes', String(pid)), JSON.stringify(jail), { mode: 0o600 });
  }

  forgetProcess(name: string, pid: number): void {
    rmSync(this.path(name, 'processes', String(pid)), { force: true });
  }

  /** Its jails that still run, or may: what another namespace's processes do cannot be seen from here. */
  processes(name: string): JailProcess[] {
    return listed(this.path(name, 'processes'))
      .map((file) => readJson<JailProcess>(this.path(name, 'processes', file)))
      .filter((jail) => jail !== undefined && mayRun(jail)) as JailProcess[];
  }

  /** A directory that is made once, for all sandboxes. */
  shared(kind: 'etc' | 'empty' | 'volumes', name: string, fill: (draft: string) => void): string {
    const path = join(this.directory, kind, name);
    if (existsSync(path)) return path;
    if (kind === 'volumes') makePrivate(join(this.directory, kind));
    else makeSearchable(join(this.directory, kind));
    const draft = this.#aside('draft');
    mkdirSync(draft);
    chmodSync(draft, 0o755);
    fill(draft);
    this.#settle(draft, path);
    return path;
  }

  /** Takes it out of everybody's sight, and then removes it, in one go where it holds nothing but our own notes. Nothing of it may be mounted any more. */
  async remove(path: string, { notesOnly = false } = {}): Promise<void> {
    const doomed = this.#aside('doomed');
    try {
      renameSync(path, doomed);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    try {
      if (notesOnly) return rmSync(doomed, { recursive: true, force: true });
    } catch {
      // Another program has written a note meanwhile.
    }
    await removeTree(doomed);
  }

  /** The directory itself, once there are no sandboxes and no volumes. */
  async removeAll(): Promise<void> {
    await removeTree(this.directory);
  }

  /** What programs left that ended half-way. What cannot be removed keeps nobody from working: whoever looks next tries again. */
  async sweep(): Promise<void> {
    for (const name of listed(this.directory).filter(isAbandoned))
      await removeTree(join(this.directory, name)).catch(() => undefined);
  }

  #aside(what: string): string {
    return join(this.directory, temporaryName(what));
  }

  #settle(draft: string, path: string): void {
    try {
      renameSync(draft, path);
    } catch {
      // Another has made the same in the meantime.
      rmSync(draft, { recursive: true, force: true });
    }
  }
}
