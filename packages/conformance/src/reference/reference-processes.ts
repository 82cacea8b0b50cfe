import { readdir, readFile } from 'node:fs/promises';

/** A process, told apart from a later one with its number by when it started. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

interface Process extends ProcessIdentity {
  readonly parent: number;
  readonly session: number;
  readonly zombie: boolean;
  readonly cpuTicks: number;
  readonly residentPages: number;
}

export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const process = await readProcess(pid);
  return process && { pid, startTime: process.startTime };
}

export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const process = await readProcess(identity.pid);
  return process !== undefined && process.startTime === identity.startTime && !process.zombie;
}

/** Processes of a sandbox: those that were started for it, all below them, their sessions, and who carries its mark. */
export async function findTree(roots: readonly ProcessIdentity[], mark: string): Promise<Process[]> {
  const all = await readAll();
  const alive = new Set(
    roots.filter(({ pid, startTime }) => all.get(pid)?.startTime === startTime).map(({ pid }) => pid),
  );
  const sessions = new Set(roots.map(({ pid }) => pid));
  const marked = await Promise.all([...all.keys()].map((pid) => carries(pid, mark)));
  const found = new Set([...all.keys()].filter((_pid, index) => marked[index]));
  for (const process of all.values()) {
    if (alive.has(process.pid)) found.add(process.pid);
    // A session's number is not given away again while a process is in it.
    if (sessions.has(process.session) && !reusedNumber(roots, all, process.session)) found.add(process.pid);
  }
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const process of all.values()) if (found.has(process.parent)) found.add(process.pid);
  }
  found.delete(globalThis.process.pid);
  return [...found]
    .map((pid) => all.get(pid))
    .filter((process) => process !== undefined)
    .filter((process) => !process.zombie);
}

function reusedNumber(roots: readonly ProcessIdentity[], all: Map<number, Process>, pid: number): boolean {
  const now = all.get(pid);
  return now !== undefined && !roots.some((root) => root.pid === pid && root.startTime === now.startTime);
}

/** Stops what it finds before it kills, so that nothing can run away, and returns when a look finds nothing. */
export async function killTree(
  roots: readonly ProcessIdentity[],
  mark: string,
  signal?: AbortSignal,
): Promise<void> {
  const stopped = new Set<number>();
  for (;;) {
    const tree = await findTree(roots, mark);
    if (tree.length === 0) return;
    signal?.throwIfAborted();
    const fresh = tree.filter(({ pid }) => !stopped.has(pid));
    for (const { pid } of fresh) {
      stopped.add(pid);
      send(pid, 'SIGSTOP');
    }
    if (fresh.length > 0) continue;
    for (const { pid } of tree) send(pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

async function carries(pid: number, mark: string): Promise<boolean> {
  try {
    return (await readFile(`/proc/${pid}/environ`, 'latin1')).split('\0').includes(mark);
  } catch {
    return false;
  }
}

async function readAll(): Promise<Map<number, Process>> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const processes = await Promise.all(names.map((name) => readProcess(Number(name))));
  return new Map(
    processes.filter((process) => process !== undefined).map((process) => [process.pid, process]),
  );
}

async function readProcess(pid: number): Promise<Process | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'latin1');
    // The name, in brackets, may hold anything; fields are counted after its last bracket.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const field = (number: number) => fields[number - 3] ?? '';
    return {
      pid,
      zombie: field(3) === 'Z' || field(3) === 'X',
      parent: Number(field(4)),
      session: Number(field(6)),
      cpuTicks: Number(field(14)) + Number(field(15)),
      startTime: field(22),
      residentPages: Number(field(24)),
    };
  } catch {
    return undefined;
  }
}
