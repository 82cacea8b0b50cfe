import { LABEL, LABEL_PREFIX, type SandboxInfo, type SandboxState } from '@sandbox/core';
import type { HostConfigBody } from './container-body.ts';
import { LABEL_KEYS } from './container-spec.ts';

/** The part of `GET /containers/ID/json` that we use. */
export interface ContainerAnswer {
  Id: string;
  /** Id of the image. */
  Image: string;
  Name: string;
  Created: string;
  State: { Status: string; StartedAt?: string; ExitCode?: number; Error?: string };
  ExecIDs?: string[] | null;
  Config: {
    Image: string;
    User?: string;
    Labels?: Record<string, string> | null;
    Entrypoint?: string[] | null;
    Cmd?: string[] | null;
  };
  HostConfig: HostConfigBody;
  /** Where the engine tells: what is left to every process, with `CAP_`. */
  BoundingCaps?: string[] | null;
  NetworkSettings?: { Networks?: Record<string, unknown> | null };
  Mounts?: { Type: string; Destination: string; Source?: string; Name?: string; RW: boolean }[] | null;
}

/** One row of `GET /containers/json`. */
export interface ContainerRow {
  Id: string;
  Names?: string[] | null;
  Image?: string;
  Created: number;
  State: string;
  Status?: string;
  Labels?: Record<string, string> | null;
  /** Of the writable layer; with `size=1`. */
  SizeRw?: number;
}

export function stateOf(status: string): SandboxState {
  switch (status) {
    case 'created':
    case 'configured':
    case 'initialized':
      return 'created';
    case 'running':
    case 'restarting':
    case 'stopping':
      return 'running';
    case 'paused':
      return 'paused';
    case 'exited':
    case 'stopped':
    case 'dead':
    case 'removing':
      return 'stopped';
    default:
      return 'unknown';
  }
}

export function isOurs(labels: Readonly<Record<string, string>> | null | undefined): boolean {
  return labels?.[LABEL.managed] === 'true';
}

/** Without those with our prefix that are the image's, and not the sandbox's. */
export function labelsOf(
  labels: Readonly<Record<string, string>> | null | undefined,
): Record<string, string> {
  const own = keysOf(labels?.[LABEL_KEYS]);
  const entries = Object.entries(labels ?? {});
  return Object.fromEntries(
    entries.filter(([key]) => !key.startsWith(LABEL_PREFIX) || (own?.has(key) ?? true)),
  );
}

/** Undefined where nobody said. */
function keysOf(text: string | undefined): Set<unknown> | undefined {
  try {
    const keys: unknown = JSON.parse(text ?? 'null');
    return Array.isArray(keys) ? new Set(keys) : undefined;
  } catch {
    return undefined;
  }
}

export function infoOf(answer: ContainerAnswer): SandboxInfo {
  const { Status, StartedAt, ExitCode } = answer.State;
  const told = stateOf(Status);
  // Podman says so of one that ran when the machine lost its power. What never ran has nothing to lose, and may be made again.
  const hasRun = told === 'created' && new Date(StartedAt ?? 0).getTime() > 0;
  const state = hasRun ? 'stopped' : told;
  return {
    name: answer.Name.replace(/^\//, ''),
    id: answer.Id,
    state,
    labels: labelsOf(answer.Config.Labels),
    image: answer.Config.Image,
    createdAt: new Date(answer.Created),
    ...(state === 'stopped' && { exitCode: hasRun ? null : (ExitCode ?? null) }),
    sessions: answer.ExecIDs?.length ?? 0,
  };
}

export function infoOfRow(row: ContainerRow, sizes = false): SandboxInfo {
  const state = stateOf(row.State);
  const exit = /^Exited \((\d+)\)/.exec(row.Status ?? '')?.[1];
  return {
    name: (row.Names?.[0] ?? row.Id).replace(/^\//, ''),
    id: row.Id,
    state,
    labels: labelsOf(row.Labels),
    ...(row.Image !== undefined && { image: row.Image }),
    createdAt: new Date(row.Created * 1000),
    ...(state === 'stopped' && { exitCode: exit === undefined ? null : Number(exit) }),
    ...(sizes && { sizeBytes: row.SizeRw ?? 0 }),
  };
}
