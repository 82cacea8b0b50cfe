/** A running program of ours, told apart from every other one on any machine. A part that the system does not have is empty. */
export interface Instance {
  readonly machineId: string;
  readonly bootId: string;
  /** Inode of the process-id namespace: the same pid is another process in another namespace. */
  readonly pidNamespace: string;
  readonly pid: number;
  /** In clock ticks since boot: tells a process from a later one with the same pid. */
  readonly startTime: string;
}

/** What there is under a process id now: its start time (empty when it cannot be read), or null when there is no such process. */
export type ProcessLookup = (pid: number) => string | null;

export type InstanceVerdict = 'alive' | 'dead' | 'unknown';

const VERSION = 'v1';
const PART = /^[A-Za-z0-9_-]*$/;

/** One string for the `instance` label, such as `v1:<machine>:<boot>:4026531836:1234:5678`. */
export function formatInstance(instance: Instance): string {
  const { machineId, bootId, pidNamespace, pid, startTime } = instance;
  return [VERSION, machineId, bootId, pidNamespace, pid, startTime].join(':');
}

/** Null for what is not an instance, or is one of a version that we do not know. */
export function parseInstance(text: string | undefined): Instance | null {
  const [version, machineId, bootId, pidNamespace, pidText, startTime, ...rest] = (text ?? '').split(':');
  if (version !== VERSION || rest.length > 0) return null;
  if (machineId === undefined || bootId === undefined || pidNamespace === undefined) return null;
  if (pidText === undefined || startTime === undefined || !/^[1-9]\d{0,9}$/.test(pidText)) return null;
  const parts = [machineId, bootId, pidNamespace, startTime];
  if (!parts.every((part) => PART.test(part))) return null;
  return { machineId, bootId, pidNamespace, pid: Number(pidText), startTime };
}

/**
 * Whether the program that a label names still runs. `dead` is a proof and costs somebody a sandbox; whatever cannot be proved is `unknown`: another machine,
 * another process-id namespace, a label that cannot be read.
 */
export function judgeInstance(
  label: string | undefined,
  self: Instance,
  lookup: ProcessLookup,
): InstanceVerdict {
  const other = parseInstance(label);
  if (other === null) return 'unknown';
  if (other.bootId !== self.bootId) {
    const sameMachine = other.machineId !== '' && other.machineId === self.machineId;
    // Of this machine but of another boot: nothing of an earlier boot runs any more.
    return sameMachine && other.bootId !== '' && self.bootId !== '' ? 'dead' : 'unknown';
  }
  // The same boot id is the same kernel, also where there is no machine id (many container images have none).
  if (other.bootId === '' && (other.machineId === '' || other.machineId !== self.machineId)) return 'unknown';
  if (other.pidNamespace !== self.pidNamespace || other.pidNamespace === '') return 'unknown';
  const startTime = lookup(other.pid);
  if (startTime === null) return 'dead';
  if (startTime === '' || other.startTime === '') return 'unknown';
  return startTime === other.startTime ? 'alive' : 'dead';
}
